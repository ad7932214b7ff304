//! Files give way to talk at the disk that both use.
//!
//! What is said is answered when it is durable, and a disk does what it is asked in about the order in which
//! it was asked. Worse, a sync waits until all is durable that was written before it, whoever wrote it: behind
//! an upload that nobody syncs, for tens of milliseconds. So while people talk, files go narrowly: a small
//! piece at a time, one of all files, and durable before the next. And where it is others who talk, files leave
//! the disk and the processor alone for longer than they use them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use qchat_proto::UserName;

/// So long after anything was said files go narrowly: who talks will talk again.
const NARROW_TIME: Duration = Duration::from_secs(1);

/// The length of a piece then, in bytes: a disk is done with it in about the time that a sync takes. Smaller
/// ones would cost more calls than they save waiting.
const PIECE_BYTES: usize = 128 * 1024;

/// How many times as long as at the disk files are away from it, while others talk.
const REST: u32 = 2;

/// But no longer than this at a time: a slow disk makes files slow enough.
const REST_TIME_MAX: Duration = Duration::from_millis(4);

/// The way of one account's files to a disk. Clones are the same way.
#[derive(Debug, Clone, Default)]
pub struct DiskPriority {
    shared: Arc<Shared>,
    owner: Option<UserName>,
}

#[derive(Debug, Default)]
struct Shared {
    talked: Mutex<Talked>,
    /// Held for a piece while the priority is narrow.
    narrow: Mutex<()>,
}

/// Who talked last and when, and who did so before of all others.
#[derive(Debug, Default)]
struct Talked([Option<(UserName, Instant)>; 2]);

impl Talked {
    fn note(&mut self, who: &UserName, at: Instant) {
        let [last, before] = &mut self.0;
        if last.as_ref().is_some_and(|(last, _)| last != who) {
            *before = last.take();
        }
        *last = Some((who.clone(), at));
    }

    /// Whose talk is not over.
    fn now(&self, now: Instant) -> impl Iterator<Item = &UserName> {
        let all = self.0.iter().flatten();
        all.filter(move |(_, at)| now.duration_since(*at) < NARROW_TIME).map(|(who, _)| who)
    }
}

impl DiskPriority {
    /// The same way, for the files of this account.
    #[must_use]
    pub fn of(&self, owner: &UserName) -> Self {
        Self { owner: Some(owner.clone()), ..self.clone() }
    }

    /// Somebody talks: files give way for a second.
    pub fn note_chat(&self, who: &UserName) {
        lock(&self.shared.talked).note(who, Instant::now());
    }

    /// Waits for a place at the disk, where it is narrow. Blocks.
    pub(crate) fn access(&self) -> DiskAccess<'_> {
        let mode = self.mode(Instant::now());
        let place = (mode != Mode::Unlimited).then(|| lock(&self.shared.narrow));
        DiskAccess { place, rests: mode == Mode::BesideOthers, begun: Instant::now() }
    }

    fn mode(&self, now: Instant) -> Mode {
        let talked = lock(&self.shared.talked);
        let is_own = talked.now(now).map(|who| Some(who) == self.owner.as_ref());
        match is_own.reduce(|all, is_own| all && is_own) {
            None => Mode::Unlimited,
            Some(true) => Mode::SmallPieces,
            Some(false) => Mode::BesideOthers,
        }
    }
}

/// How a file goes.
#[derive(Debug, PartialEq, Eq)]
enum Mode {
    /// Nobody talks.
    Unlimited,
    /// Its own account does.
    SmallPieces,
    /// Others do.
    BesideOthers,
}

/// A file at the disk: the only one, where it has to be.
pub(crate) struct DiskAccess<'a> {
    place: Option<MutexGuard<'a, ()>>,
    rests: bool,
    begun: Instant,
}

impl DiskAccess<'_> {
    /// Whether it is the only one, and is to leave nothing behind that a sync would wait for.
    pub(crate) fn must_sync(&self) -> bool {
        self.place.is_some()
    }

    /// How many bytes it may read or write before it takes another access. At least one.
    pub(crate) fn bytes_max(&self) -> usize {
        match self.must_sync() {
            true => PIECE_BYTES,
            false => usize::MAX,
        }
    }
}

/// Nobody has the next access before the rest is over.
impl Drop for DiskAccess<'_> {
    fn drop(&mut self) {
        if self.rests {
            thread::sleep(self.begun.elapsed().saturating_mul(REST).min(REST_TIME_MAX));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    fn user(name: &str) -> UserName {
        name.parse().unwrap()
    }

    /// One beside which alice talks, however long the test takes.
    pub(crate) fn beside_chat() -> DiskPriority {
        let priority = DiskPriority::default();
        let later = Instant::now() + Duration::from_secs(3600);
        lock(&priority.shared.talked).note(&user("alice"), later);
        priority
    }

    #[test]
    fn the_lane_must_sync_for_a_second_after_anything_was_said() {
        let priority = DiskPriority::default();
        assert_eq!(priority.mode(Instant::now()), Mode::Unlimited);
        priority.clone().note_chat(&user("alice"));
        let talked = lock(&priority.shared.talked).0[0].clone().unwrap().1;
        assert_ne!(priority.mode(talked + NARROW_TIME - Duration::from_nanos(1)), Mode::Unlimited);
        assert_eq!(priority.mode(talked + NARROW_TIME), Mode::Unlimited);
    }

    #[test]
    fn files_rest_where_others_talk_than_their_owner() {
        let (priority, now) = (DiskPriority::default(), Instant::now());
        let at = |seconds| now + Duration::from_secs(seconds);
        let mode = |owner: &str, at| priority.of(&user(owner)).mode(at);
        let note = |who: &str, at| lock(&priority.shared.talked).note(&user(who), at);
        note("alice", at(0));
        assert_eq!(priority.mode(at(0)), Mode::BesideOthers);
        assert_eq!(
            [mode("alice", at(0)), mode("bob", at(0))],
            [Mode::SmallPieces, Mode::BesideOthers]
        );
        // What the owner says does not hide what others have said, nor how long ago that was.
        for who in ["bob", "bob"] {
            note(who, at(0));
            assert_eq!(mode("bob", at(0)), Mode::BesideOthers);
        }
        note("bob", at(1));
        assert_eq!(
            [mode("bob", at(1)), mode("alice", at(1))],
            [Mode::SmallPieces, Mode::BesideOthers]
        );
    }

    #[test]
    fn files_go_by_small_pieces_while_people_talk() {
        assert_eq!(DiskPriority::default().access().bytes_max(), usize::MAX);
        assert_eq!(beside_chat().access().bytes_max(), PIECE_BYTES);
    }

    #[test]
    fn a_file_rests_for_longer_than_it_was_at_the_disk() {
        let (begun, work) = (Instant::now(), Duration::from_millis(1));
        let priority = beside_chat();
        let access = priority.access();
        thread::sleep(work);
        drop(access);
        assert!(begun.elapsed() >= work + work * REST);
        assert!(!beside_chat().of(&user("alice")).access().rests, "beside its owner's talk");
        assert!(!DiskPriority::default().access().rests, "beside nobody's");
    }

    /// How many of four files are at the disk at the same time, at the most.
    fn together(priority: &DiskPriority) -> usize {
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let file = || {
            for _ in 0..1_000 {
                let _turn = priority.access();
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
        assert_eq!(together(&beside_chat().of(&user("alice"))), 1);
    }
}
