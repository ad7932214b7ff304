//! How a file's bytes travel between a disk and a stream, the same on both sides.
//!
//! The sender reads ahead and hashes in a thread of its own, the receiver hashes and writes in one:
//! disks and digests never hold up the runtime, and memory is a few buffers whatever the size. What
//! arrives lies in a [`Part`] until it is complete, checked and on the disk; only then does it get its
//! final name, and no other file ever loses its name to it.
//!
//! This crate knows no QUIC and no commands: a stream is whatever can be read or written.

mod pairing;
mod part;
mod receive;
mod send;

pub use pairing::{Pairing, Waiting};
pub use part::{LandError, Part};
pub use receive::{ReceiveError, receive};
pub use send::{SendError, send};

/// How many bytes go to the disk and the digest at a time. BLAKE3 needs 16 KiB or more to be fast.
const PIECE_BYTES: usize = 256 * 1024;

/// How many pieces may wait between the disk's thread and the stream.
const PIECES_WAITING_MAX: usize = 4;

/// How long a peer may neither send nor take a byte before its transfer is given up.
const STALL_MAX: std::time::Duration = std::time::Duration::from_secs(60);
