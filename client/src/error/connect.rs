//! Errors of connecting: no answer, no agreement, a refused identity, a pin file that cannot be used.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use qchat_proto::Fingerprint;

use crate::address::{ServerAddress, ServerAddresses};

/// The reason why there is no connection.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ConnectError {
    /// The server's name has no address.
    #[error("the server's name cannot be resolved: {server}: {reason}; {}", advice(reason))]
    Resolve {
        /// The server.
        server: ServerAddress,
        /// The error of the resolver.
        reason: Arc<io::Error>,
    },
    /// The address is the wildcard, on which a server listens but no client can connect.
    #[error(
        "no server can be reached at {server}: that stands for all addresses of a machine. For a server on \
         this machine write localhost:{}, for another one its name or address", server.port()
    )]
    Wildcard {
        /// The server.
        server: ServerAddress,
    },
    /// Nobody answered.
    #[error("no qchat server answers at {server} (UDP): {reason}")]
    Unreachable {
        /// The addresses of the server.
        server: ServerAddresses,
        /// How long it was tried.
        reason: String,
    },
    /// The server is not the trusted one.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// A server answered, but the handshake failed.
    #[error("{server} answers, but does not let us in: {reason}")]
    Handshake {
        /// The server.
        server: ServerAddress,
        /// The error of the handshake.
        reason: String,
        /// Whether the server may accept a connection soon: for instance, it is full or shuts down.
        is_transient: bool,
    },
    /// The pin file cannot be used.
    #[error(transparent)]
    Pins(#[from] PinError),
    /// The file with the authorities' certificates cannot be used.
    #[error("the certificates of {} cannot be used: {reason}", path.display())]
    Authority {
        /// The file.
        path: PathBuf,
        /// The error.
        reason: String,
    },
    /// The operating system gives no UDP socket, or TLS cannot be set up.
    #[error("this machine cannot open a QUIC connection: {0}")]
    Local(String),
}

impl ConnectError {
    /// Whether another try may succeed soon, although nobody changes anything on this machine.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Resolve { reason, .. } => is_transient(reason),
            Self::Handshake { is_transient, .. } => *is_transient,
            Self::Wildcard { .. }
            | Self::Identity(_)
            | Self::Pins(_)
            | Self::Authority { .. }
            | Self::Local(_) => false,
        }
    }

    /// Whether no later attempt can succeed until somebody changes a file, a flag or the server. Other errors
    /// may depend on the network that this machine is in.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Identity(_) | Self::Pins(_) | Self::Authority { .. })
    }
}

/// Whether the resolver may succeed soon. It reports its own errors only by texts, those of glibc or musl;
/// any other error has a number of the operating system.
fn is_transient(resolving: &io::Error) -> bool {
    let text = resolving.to_string();
    resolving.raw_os_error().is_some()
        || text.contains("Temporary failure")
        || text.contains("Try again")
}

fn advice(resolving: &io::Error) -> &'static str {
    match is_transient(resolving) {
        true => "is this machine online?",
        false => "is it written right?",
    }
}

/// The reason why a server's identity is refused. No byte of the caller's was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The server is not in the pin file, and unknown ones are refused.
    #[error(
        "the server {server} is not known yet; it presents {presented}. Compare that with what the \
         server printed when it started, then use --fingerprint {presented}, or --accept-new to \
         trust it from now on, or --ca FILE"
    )]
    Unknown {
        /// The server.
        server: ServerAddress,
        /// The key that it presents.
        presented: Fingerprint,
    },
    /// The server's key differs from the pinned one.
    #[error(
        "the server {server} presents another key than before, so nothing was sent to it.\n\
         \x20 known:     {pinned}\n\
         \x20 presented: {presented}\n\
         Either its key was replaced, or somebody else answers in its place. If its owner \
         confirms the new key, remove the line from {} that begins with:\n\
         \x20 {server} {pinned}", pins.display()
    )]
    Changed {
        /// The server.
        server: ServerAddress,
        /// The key that the server presents now.
        presented: Fingerprint,
        /// The pinned key.
        pinned: Fingerprint,
        /// The pin file.
        pins: PathBuf,
    },
    /// The addresses of one server have different keys.
    #[error(transparent)]
    Different(Box<DifferentKeys>),
    /// The server's key differs from the one that the caller asked for.
    #[error(
        "the server {server} presents another key than the one asked for, so nothing was sent to it.\n\
         \x20 asked for: {asked}\n\
         \x20 presented: {presented}"
    )]
    NotTheOneAsked {
        /// The server.
        server: ServerAddress,
        /// The key that was asked for.
        asked: Fingerprint,
        /// The key that the server presents.
        presented: Fingerprint,
    },
    /// No trusted authority vouches for the server.
    #[error("no trusted authority vouches for this server: {reason}")]
    Authority {
        /// The error of the certificate.
        reason: String,
    },
}

impl From<DifferentKeys> for IdentityError {
    fn from(keys: DifferentKeys) -> Self {
        Self::Different(Box::new(keys))
    }
}

/// Two addresses of one server with different keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{server} presents another key than {other}, and the addresses of one list belong to one server with \
     one key, so nothing was sent to it.\n\
     \x20 {other}: {known}\n\
     \x20 {server}: {presented}\n\
     Take the address of another server out of the list. If the owner confirms the new key of this one, \
     remove the lines with its old key from {}", pins.display()
)]
pub struct DifferentKeys {
    /// The address with the other key.
    pub server: ServerAddress,
    /// The key that it presents, or presented earlier.
    pub presented: Fingerprint,
    /// The address whose key is known.
    pub other: ServerAddress,
    /// The known key.
    pub known: Fingerprint,
    /// The pin file.
    pub pins: PathBuf,
}

/// The reason why the pin file cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PinError {
    /// A line is not a server with its key. Nothing is guessed and nothing is changed.
    #[error(
        "line {line} of the pin file {} is damaged; a line is 'host:port SHA256:…', or \
         'host:port SHA256:… next SHA256:…': correct it or remove it",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line's number, from 1.
        line: usize,
    },
    /// The file cannot be read.
    #[error("the pin file {} cannot be read: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        reason: Arc<io::Error>,
    },
    /// The file cannot be written.
    #[error("the pin file {} cannot be written: {reason}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        reason: Arc<io::Error>,
    },
}

#[cfg(test)]
mod tests;
