//! Gives chat priority over files at the disk that both use.
//!
//! A message is answered after the fsync that makes it durable, and an fsync also waits for all data that the disk
//! has accepted before, from any file. Behind an upload that nobody syncs, that takes tens of milliseconds. So while
//! people chat, all files together use the disk in small pieces, one at a time, and each piece is synced before the
//! next. `docs/decisions/016-disk-priority.md` has the measurements.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::lock::lock;

/// For this long after a chat message, files use the disk in small pieces: people who chat write again soon.
const CHAT_TIME: Duration = Duration::from_secs(1);

/// The length of a small piece in bytes. A disk writes a piece in about the time of an fsync. Smaller pieces would cost
/// more system calls than they save in waiting.
const SMALL_PIECE_BYTES: usize = 128 * 1024;

/// The priority of chat at one disk. Clones share their state.
#[derive(Debug, Clone, Default)]
pub struct DiskPriority {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    last_chat: Mutex<Option<Instant>>,
    /// Held while a small piece is read, or written and synced.
    small_piece: Mutex<()>,
}

/// The permission to read or write one piece of a file.
#[derive(Debug)]
pub(crate) struct DiskAccess<'a> {
    /// Present while people chat: no other file uses the disk then.
    small_piece: Option<MutexGuard<'a, ()>>,
}

impl DiskPriority {
    /// Notes that a chat message is about to be made durable: for a second, files use the disk in small pieces.
    pub fn note_chat(&self) {
        *lock(&self.shared.last_chat) = Some(Instant::now());
    }

    /// Waits until a file may use the disk for one piece. Blocks the thread.
    pub(crate) fn access(&self) -> DiskAccess<'_> {
        let is_chat_active = self.is_chat_active(Instant::now());
        DiskAccess { small_piece: is_chat_active.then(|| lock(&self.shared.small_piece)) }
    }

    fn is_chat_active(&self, now: Instant) -> bool {
        let last_chat = *lock(&self.shared.last_chat);
        last_chat.is_some_and(|last| now.saturating_duration_since(last) < CHAT_TIME)
    }
}

impl DiskAccess<'_> {
    /// The largest length of the piece in bytes. At least one.
    pub(crate) fn bytes_max(&self) -> usize {
        match self.must_sync() {
            true => SMALL_PIECE_BYTES,
            false => usize::MAX,
        }
    }

    /// Whether a written piece has to be synced, so that it delays no later fsync of the store.
    pub(crate) fn must_sync(&self) -> bool {
        self.small_piece.is_some()
    }
}

#[cfg(test)]
pub(crate) mod tests;
