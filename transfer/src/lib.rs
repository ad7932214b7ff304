//! Moves one file between a disk and a QUIC stream. Client and server use the same code.
//!
//! A file travels in blocks of 1 MiB. The [hashes](file_digest) of the blocks prove themselves against the digest of
//! the file, so either side can check the blocks that it has, and only missing blocks travel.
//! Received blocks lie in a [`PartialFile`], which outlives its transfer. A complete and checked file is synced before
//! it gets its final name, and the name of another file is never replaced.
//!
//! Each block stands alone. The sender reads and hashes some blocks ahead, and the receiver hashes and writes blocks,
//! each in a blocking thread, so a disk never delays the runtime. A transfer needs the memory of a few blocks, and
//! 32 bytes for each block of the file.
//!
//! [`send()`] and [`receive()`] move a file; `block_io` reads and writes blocks; [`DiskPriority`] gives
//! chat priority at the disk. The folder `quic` has the mechanisms for a connection: [`ConnectionWindows`], the
//! [settings](configure_transport) with the congestion controller, and the [detection of silence](until_silent).
//! This crate knows no commands.

mod block_hashes;
mod block_io;
mod blocking_task;
mod buffer;
#[cfg(test)]
#[path = "../../tests/corpus/mod.rs"]
mod corpus;
mod disk_priority;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod layout;
mod lock;
mod partial_file;
mod quic;
mod receive;
mod send;
mod stall_detection;
mod stream_pairing;
#[cfg(any(test, fuzzing))]
mod test_bytes;

pub use block_hashes::{file_digest, hash_block, hash_blocks};
pub use block_io::BlockFile;
pub use buffer::{BlockBuffer, BufferPool};
pub use disk_priority::DiskPriority;
pub use layout::Layout;
pub use partial_file::{FinishError, PartialFile, PartialFileEntry};
pub use quic::{
    ConnectionWindows, IncomingFile, OutgoingFile, SilenceChecks, WINDOW_BYTES_MAX,
    WINDOW_BYTES_MIN, WindowBudget, configure_transport, until_silent,
};
pub use receive::{BlockReceiver, BlockSink, ReceiveError, Received, receive};
pub use send::{BlockFilter, BlockSource, ByteSink, HashedBlock, SendError, SendProgress, send};
pub use stream_pairing::{ExpectedStream, StreamPairing};
