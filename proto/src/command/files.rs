//! Sending and fetching files.

use serde::{Deserialize, Serialize};

use super::messages::Log;
use crate::bounded_vec::BoundedVec;
use crate::file_path::{FilePath, FolderPath};
use crate::ids::{BlockHash, ClientId, TransferId};
use crate::limits::{BLOCK_HASHES_MAX, BLOCK_RANGES_MAX, PAGE_ITEMS_MAX};
use crate::message::{Address, File};
use crate::stored_name::StoredName;

/// Sends a file; see [`Request::Upload`](crate::Request::Upload). Repeated with the same id, it goes on
/// where it was cut.
///
/// After [`UploadOpening::SendFile`] the client opens a unidirectional stream: one [`FileHeader`](crate::file_stream::FileHeader) frame,
/// then a [`BlockHeader`](crate::file_stream::BlockHeader) and its bytes for each block that the server has not or has otherwise, in
/// ascending order, and the file's digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// Makes it repeatable.
    pub id: ClientId,
    /// Whom to.
    pub to: Address,
    /// The file's name, with the folders that are sent too.
    pub name: FilePath,
    /// Its length in bytes.
    pub size: u64,
    /// Pairs the file's stream with this command.
    pub transfer: TransferId,
}

/// What the server says to an upload before the file moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum UploadOpening {
    /// The file is welcome. Of its first blocks the server has this many, from an earlier try; what it
    /// has follows as frames `Result<BlockHashes, Refusal>`, until there are as many values.
    SendFile {
        /// How many.
        kept: u64,
    },
    /// The file is here already, from an earlier try with the same id; nothing needs to be sent.
    AlreadyStored,
}

/// Some of the values of a file's blocks, in order.
pub type BlockHashes = BoundedVec<BlockHash, BLOCK_HASHES_MAX>;

/// Asks for a file and the values of its blocks; see [`Request::FileBlocks`](crate::Request::FileBlocks).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileBlocks {
    /// Where the file was sent to.
    pub log: Log,
    /// Which file.
    pub file: FileQuery,
    /// The block whose value is wanted first.
    pub first: u64,
}

/// A file, and the values of some of its blocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockPage {
    /// What its message tells of it.
    pub file: File,
    /// From the block that was asked for on. None where the file has no such block.
    pub values: BlockHashes,
}

/// An unbroken run of a file's blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockRange {
    /// The first one; 0 is the file's first.
    pub first: u64,
    /// How many.
    pub count: u64,
}

/// Fetches blocks of a file; see [`Request::Download`](crate::Request::Download).
///
/// The server opens a unidirectional stream: one [`FileHeader`](crate::file_stream::FileHeader) frame, then a [`BlockHeader`](crate::file_stream::BlockHeader) and its bytes
/// for each block, and the file's digest. It says [`Done`](super::Done) when it has sent them. A block
/// that it has damaged is left out, and named by its refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Download {
    /// Where the file was sent to.
    pub log: Log,
    /// Which file.
    pub file: FileQuery,
    /// Which of its blocks, in ascending order.
    pub blocks: BoundedVec<BlockRange, BLOCK_RANGES_MAX>,
    /// Pairs the file's stream with this command.
    pub transfer: TransferId,
}

/// A file as a person names it: by its stored name, or by its original one with or without its folders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileQuery {
    /// The name as a stored one, where it has that form. It goes first.
    pub stored: Option<StoredName>,
    /// The name as an original one.
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
    /// Where they were sent to. Of the mailbox only what others sent, or the asker to themselves.
    pub log: Log,
    /// The folder; also those in folders below it are listed.
    pub folder: FolderPath,
    /// Where to go on, from the page before.
    pub after: Option<FileMark>,
}

/// A place in the list of a folder's files, which is in the order of their paths.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileMark {
    /// The path of the file before.
    pub path: FilePath,
    /// And its stored name, since several may have that path.
    pub name: StoredName,
}

/// Part of a list of files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilePage {
    /// In order. Also those that have expired.
    pub files: BoundedVec<File, PAGE_ITEMS_MAX>,
    /// Where the next page starts, if there is one.
    pub next: Option<FileMark>,
}
