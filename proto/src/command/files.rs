//! Sending and fetching files.

use serde::{Deserialize, Serialize};

use super::messages::Log;
use crate::bounded_vec::BoundedVec;
use crate::ids::{BlockHash, ClientId, TransferId};
use crate::limits::{BLOCK_HASHES_MAX, BLOCK_RANGES_MAX, PAGE_ITEMS_MAX};
use crate::message::{Address, File};
use crate::names::StoredName;
use crate::names::{FilePath, FolderPath};

/// Sends a file; see [`Request::Upload`](crate::Request::Upload). An upload that is repeated with the same id
/// resumes.
///
/// After [`UploadOpening::SendFile`] the client opens a unidirectional stream, as
/// [`file_stream`](crate::file_stream) describes. The stream brings the blocks that the server does not
/// have, or has with other bytes, in ascending order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// Makes the command repeatable.
    pub id: ClientId,
    /// The receiver.
    pub to: Address,
    /// The name of the file, with the folders that are sent along.
    pub name: FilePath,
    /// The length of the file in bytes.
    pub size: u64,
    /// Pairs the stream of the file with this command.
    pub transfer: TransferId,
}

/// The server's answer to an upload before the file moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum UploadOpening {
    /// The server accepts the file. Frames `Result<BlockHashes, Refusal>` follow, with the hashes of the
    /// blocks that the server has from an earlier attempt.
    SendFile {
        /// The number of leading blocks that the server has, and of the hashes that follow.
        kept: u64,
    },
    /// The file is stored already, by an earlier attempt with the same id. No stream follows.
    AlreadyStored,
}

/// The hashes of some blocks of a file, in order.
pub type BlockHashes = BoundedVec<BlockHash, BLOCK_HASHES_MAX>;

/// Asks for a file and the hashes of its blocks; see [`Request::FileBlocks`](crate::Request::FileBlocks).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileBlocks {
    /// The log that the file was sent to.
    pub log: Log,
    /// The file.
    pub file: FileQuery,
    /// The block whose value is wanted first.
    pub first: u64,
}

/// A file, and the values of some of its blocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockPage {
    /// The file.
    pub file: File,
    /// The hashes, beginning with the block that was asked for. Empty if the file has no such block.
    pub values: BlockHashes,
}

/// An unbroken run of a file's blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockRange {
    /// The first block. Block 0 is the first of the file.
    pub first: u64,
    /// The number of blocks.
    pub count: u64,
}

/// Fetches blocks of a file; see [`Request::Download`](crate::Request::Download).
///
/// The server opens a unidirectional stream, as [`file_stream`](crate::file_stream) describes, and answers
/// [`Done`](crate::command::Done) once the blocks are sent. A block that is damaged on the server's disk is
/// left out, and a refusal names the block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Download {
    /// The log that the file was sent to.
    pub log: Log,
    /// The file.
    pub file: FileQuery,
    /// The blocks that are wanted, in ascending order.
    pub blocks: BoundedVec<BlockRange, BLOCK_RANGES_MAX>,
    /// Pairs the stream of the file with this command.
    pub transfer: TransferId,
}

/// The name that a person gave for a file: the stored name, or the original name with or without folders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileQuery {
    /// The name as a stored name, if it has that form. The stored name takes precedence.
    pub stored: Option<StoredName>,
    /// The name as an original name.
    pub original: FilePath,
}

impl From<&str> for FileQuery {
    fn from(name: &str) -> Self {
        Self { stored: name.parse().ok(), original: name.into() }
    }
}

/// Lists the files that were sent with a folder; see [`Request::FilesBelow`](crate::Request::FilesBelow).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesBelow {
    /// The log that the files were sent to. Of the mailbox, only messages that the caller received.
    pub log: Log,
    /// The folder. Files in folders below it are listed too.
    pub folder: FolderPath,
    /// The `next` of the previous page.
    pub after: Option<FileMark>,
}

/// A position in the list of a folder's files. The list is in the order of the paths.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileMark {
    /// The path of the last file of the previous page.
    pub path: FilePath,
    /// The stored name of that file, since several files may have the same path.
    pub name: StoredName,
}

/// Part of a list of files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilePage {
    /// The files in order, expired files included.
    pub files: BoundedVec<File, PAGE_ITEMS_MAX>,
    /// The start of the next page, if there is one.
    pub next: Option<FileMark>,
}
