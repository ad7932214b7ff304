//! The frames on the unidirectional stream of a file.
//!
//! The stream begins with a [`FileHeader`]. Each block is a [`BlockHeader::Block`] and the bytes of the
//! block, without a length. A [`BlockHeader::End`] ends the stream. A QUIC stream that is dropped looks
//! finished, so only the `End` says that the sender sent everything.

use serde::{Deserialize, Serialize};

use crate::ids::{Digest, TransferId};

/// The first frame on a unidirectional stream, of a file or of texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileHeader {
    /// The transfer id of the command that the stream belongs to.
    pub transfer: TransferId,
}

/// The frame before each block of a file, and after the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum BlockHeader {
    /// The bytes of the block with this number follow: 1 MiB, or the rest of the file for its last block.
    Block(u64),
    /// Nothing follows. The digest covers the whole file, blocks that were not sent included.
    End(Digest),
}
