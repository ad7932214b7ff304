//! Sending and fetching files.

use serde::{Deserialize, Serialize};

use super::Log;
use crate::file_name::{FileName, StoredName};
use crate::ids::{ClientId, TransferId};
use crate::message::Address;

/// Sends a file; see [`Request::Upload`](crate::Request::Upload).
///
/// After [`UploadOpening::SendFile`] the client opens a unidirectional stream: one [`FileHeader`]
/// frame, exactly `size` bytes, and the 32 bytes of their BLAKE3 digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// Makes it repeatable.
    pub id: ClientId,
    /// Whom to.
    pub to: Address,
    /// The file's name.
    pub name: FileName,
    /// Its length in bytes.
    pub size: u64,
    /// Pairs the file's stream with this command.
    pub transfer: TransferId,
}

/// What the server says to an upload before the file moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum UploadOpening {
    /// The file is welcome.
    SendFile,
    /// The file is here already, from an earlier try with the same id; nothing needs to be sent.
    AlreadyStored,
}

/// Fetches a file; see [`Request::Download`](crate::Request::Download).
///
/// The server answers with the [`File`](crate::File), opens a unidirectional stream (one [`FileHeader`] frame and
/// exactly as many bytes as announced), and says [`Done`](super::Done) when it has sent them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Download {
    /// Where the file was sent to.
    pub log: Log,
    /// Which file.
    pub file: FileQuery,
    /// Pairs the file's stream with this command.
    pub transfer: TransferId,
}

/// A file as a person names it: by its stored name or by its original one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileQuery {
    /// The name as a stored one, where it has that form. It goes first.
    pub stored: Option<StoredName>,
    /// The name as an original one.
    pub original: FileName,
}

impl From<&str> for FileQuery {
    fn from(name: &str) -> Self {
        Self { stored: name.parse().ok(), original: name.into() }
    }
}

/// The first frame on a file's stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileHeader {
    /// The command that this file belongs to.
    pub transfer: TransferId,
}
