//! How a file's bytes travel between a disk and a stream, the same on both sides.
//!
//! A file travels as blocks of one mebibyte. The [hashes](file_digest) of its blocks prove themselves against its
//! digest, so that each side can check what it has, block by block, and only what is missing travels.
//! What arrives lies in a [`PartialFile`], which outlives its transfer, until it is complete, checked and on the
//! disk; only then does it get its final name, and no other file ever loses its name to it.
//!
//! Blocks stand alone, so the sender reads and hashes some of them ahead, each in a thread of its own, and
//! the receiver hashes and writes them so: disks and digests never hold up the runtime. Memory is a few
//! blocks, and 32 bytes for each block of the file.
//!
//! This crate knows no commands, and of QUIC only its streams, their [windows](ConnectionWindows), its
//! [congestion control](configure_transport) and its [detection of silence](until_silent).

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
mod partial_file;
mod quic;
mod receive;
mod send;
mod stall_detection;
mod stream_pairing;
#[cfg(any(test, fuzzing))]
mod test_bytes;

pub use block_hashes::file_digest;
pub use block_io::BlockFile;
pub use disk_priority::DiskPriority;
pub use layout::Layout;
pub use partial_file::{FinishError, PartialFile, PartialFileEntry, hash_blocks};
pub use quic::{
    ConnectionWindows, IncomingFile, OutgoingFile, WINDOW_BYTES_MAX, WINDOW_BYTES_MIN,
    WindowBudget, configure_transport, until_silent,
};
pub use receive::{BlockReceiver, ReceiveError, Received, receive};
pub use send::{BlockFilter, ByteSink, SendError, SendProgress, send};
pub use stream_pairing::{ExpectedStream, StreamPairing};
