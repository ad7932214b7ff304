//! The frames on the unidirectional stream of a file.

use serde::{Deserialize, Serialize};

use crate::ids::{Digest, TransferId};

/// The first frame on a file's stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileHeader {
    /// The command that this file belongs to.
    pub transfer: TransferId,
}

/// What stands before each block on a file's stream, and at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum BlockHeader {
    /// The bytes of this block follow: as many as the file's length leaves for it.
    Block(u64),
    /// Nothing follows. The digest is that of the whole file.
    End(Digest),
}
