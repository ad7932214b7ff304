//! The errors of a certificate and its key. Each message names the file.

use std::io;
use std::path::PathBuf;

/// The reason why a certificate or its key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The file does not exist.
    #[error("{what} {} is missing: make one with qchat cert, or name the right file", path.display())]
    Missing {
        /// The expected content of the file.
        what: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// Other users can read the file of a private key.
    #[error(
        "{what} {} can be read by others (mode {mode:04o}): make it yours alone with chmod 600 {}",
        path.display(), path.display()
    )]
    Exposed {
        /// The content of the file.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The mode of the file.
        mode: u32,
    },
    /// The file cannot be read, or has another content than expected.
    #[error("cannot read {what} {}: {reason}", path.display())]
    Unreadable {
        /// The expected content of the file.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// The certificate cannot be parsed, or does not belong to the key.
    #[error("the certificate {} and the key {} do not belong together: {reason}", certificate.display(), key.display())]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// The reason.
        reason: String,
    },
    /// A new certificate could not be made.
    #[error(transparent)]
    Make(#[from] MakeError),
}

/// The reason why a certificate could not be made.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// The name is neither a DNS name nor an IP address.
    #[error(
        "{0:?} is no name for a certificate: it takes a DNS name such as chat.example.org, or an IP address"
    )]
    Name(String),
    /// The certificate library refused the names or the existing key.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
}
