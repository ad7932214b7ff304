//! What can be wrong with a certificate and its key, each in a sentence that names the file.

use std::io;
use std::path::PathBuf;

/// Why a certificate or its key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A file that is not there.
    #[error("{what} {} is missing: make one with qchat cert, or name the right file", path.display())]
    Missing {
        /// What the file should hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// A key that others can read is no secret any more.
    #[error(
        "{what} {} can be read by others (mode {mode:04o}): make it yours alone with chmod 600 {}",
        path.display(), path.display()
    )]
    Exposed {
        /// What the file holds.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// A file that cannot be read, or does not hold what it should.
    #[error("cannot read {what} {}: {reason}", path.display())]
    Unreadable {
        /// What the file should hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The certificate cannot be parsed, or is not that of the key.
    #[error("the certificate {} and the key {} do not belong together: {reason}", certificate.display(), key.display())]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// No new certificate could be made.
    #[error(transparent)]
    Make(#[from] MakeError),
}

/// Why no certificate could be made.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// A text that names no server.
    #[error(
        "{0:?} is no name for a certificate: it takes a DNS name such as chat.example.org, or an IP address"
    )]
    Name(String),
    /// A name, or the key that is there already.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A file that cannot be read or written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}
