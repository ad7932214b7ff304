//! The caller's choice of how a server's identity is checked.

use std::path::PathBuf;

use qchat_proto::Fingerprint;

use crate::trust::known_servers::PinFile;

/// How a server's identity is checked. The check happens during the handshake, before a byte of the
/// caller's is sent.
#[derive(Debug, Clone)]
pub enum Trust {
    /// The server has exactly this public key. Names and dates in its certificate do not matter.
    Fingerprint(Fingerprint),
    /// The server's certificate is issued by, or is itself, one of those in this PEM file; it is
    /// valid today and made out for the host that was asked for.
    Authority(PathBuf),
    /// The server has the public key that it had the first time. Names and dates in its certificate
    /// do not matter.
    Known {
        /// The keys of the servers seen before.
        pins: PinFile,
        /// The treatment of a new server.
        unknown: Unknown,
    },
}

/// The treatment of a server that is not in the pin file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// It is trusted, and its key pinned.
    Accept,
    /// It is refused.
    Refuse,
}
