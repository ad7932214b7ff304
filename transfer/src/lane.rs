//! Files give way to talk at the disk that both use.
//!
//! What is said is answered when it is durable, and a disk does what it is asked in about the order in which
//! it was asked: behind the blocks of a few files a sync waits for milliseconds, and behind those of many
//! for as much longer. So while people talk, files go narrowly: a small piece at a time, one of all files.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// So long after anything was said files go narrowly: who talks will talk again.
const NARROW_TIME: Duration = Duration::from_secs(1);

/// The length of a piece then, in bytes: a disk is done with it in less time than a sync takes. Smaller ones
/// would cost more calls than they save waiting.
const PIECE_BYTES: usize = 64 * 1024;

/// The way of files to one disk. Clones are the same way.
#[derive(Debug, Clone, Default)]
pub struct Lane(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// When somebody talked last.
    talked: Mutex<Option<Instant>>,
    /// Held for a piece while the lane is narrow.
    narrow: Mutex<()>,
}

impl Lane {
    /// Somebody talks: files give way for a second.
    pub fn talk(&self) {
        *lock(&self.0.talked) = Some(Instant::now());
    }

    /// Waits for a place at the disk, where it is narrow. Blocks.
    pub(crate) fn turn(&self) -> Turn<'_> {
        Turn(self.is_narrow(Instant::now()).then(|| lock(&self.0.narrow)))
    }

    fn is_narrow(&self, now: Instant) -> bool {
        lock(&self.0.talked).is_some_and(|talked| now.duration_since(talked) < NARROW_TIME)
    }
}

/// A file at the disk: the only one, where it has to be.
pub(crate) struct Turn<'a>(Option<MutexGuard<'a, ()>>);

impl Turn<'_> {
    /// How many bytes it may read or write before it takes another turn. At least one.
    pub(crate) fn bytes_max(&self) -> usize {
        match self.0 {
            Some(_) => PIECE_BYTES,
            None => usize::MAX,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    /// One beside which people talk, however long the test takes.
    fn narrow() -> Lane {
        let lane = Lane::default();
        *lock(&lane.0.talked) = Some(Instant::now() + Duration::from_secs(3600));
        lane
    }

    #[test]
    fn the_lane_is_narrow_for_a_second_after_anything_was_said() {
        let lane = Lane::default();
        assert!(!lane.is_narrow(Instant::now()));
        lane.clone().talk();
        let talked = lock(&lane.0.talked).unwrap();
        assert!(lane.is_narrow(talked + NARROW_TIME - Duration::from_nanos(1)));
        assert!(!lane.is_narrow(talked + NARROW_TIME));
    }

    #[test]
    fn files_go_by_small_pieces_while_people_talk() {
        assert_eq!(Lane::default().turn().bytes_max(), usize::MAX);
        assert_eq!(narrow().turn().bytes_max(), PIECE_BYTES);
    }

    /// How many of four files are at the disk at the same time, at the most.
    fn together(lane: &Lane) -> usize {
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let file = || {
            for _ in 0..1_000 {
                let _turn = lane.turn();
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                thread::yield_now();
                now.fetch_sub(1, Ordering::SeqCst);
            }
        };
        thread::scope(|scope| (0..4).for_each(|_| _ = scope.spawn(file)));
        most.into_inner()
    }

    #[test]
    fn one_file_is_at_the_disk_at_a_time_while_people_talk() {
        assert_eq!(together(&narrow()), 1);
    }
}
