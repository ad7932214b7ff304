//! A fair queue for password hashing.
//!
//! Clients without a session can ask for hashes. So hashing never gets the last core, and at most
//! [`HASHES_PER_SECOND_MAX`]. The queue is bounded and fair between addresses: the waiter with the lowest
//! weight goes first, and each waiter or recent hash of an address adds to the weight of its next waiters. If
//! the queue is full, the last waiter is refused.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::sleep;

use crate::lock::lock;

/// The highest rate of hashes. At this rate hashing needs a little more than one core.
pub(crate) const HASHES_PER_SECOND_MAX: u32 = 30;

/// The length of the queue: a little more than two seconds of hashing.
const WAITING_MAX: usize = 64;

/// Hashes at a time, if there are enough cores. Two reach the highest rate.
const SLOTS_MAX: u32 = 2;

/// For how long a hash adds to the weight of later waiters from its address.
const RECENT_TIME: Duration = Duration::from_secs(4);

/// The number of remembered hashes: as many as fit into that time, and some slots that made no hash.
const RECENT_MAX: usize = 256;

/// A request for a hash.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waiter {
    /// The network of the client's address.
    pub(crate) network: IpAddr,
    /// The waiter with the lowest weight goes first.
    pub(crate) weight: u32,
}

/// The queue is full of waiters that go first.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct QueueFull;

/// The queue.
#[derive(Debug, Clone)]
pub(crate) struct HashQueue(Arc<QueueCore>);

#[derive(Debug)]
struct QueueCore {
    /// The shortest time that a slot is kept if a hash was made.
    slot_time_min: Duration,
    state: Mutex<QueueState>,
}

#[derive(Debug)]
struct QueueState {
    free: u32,
    waiting: Vec<QueuedWaiter>,
    arrived: u64,
    /// The times and addresses of the latest slots.
    recent: VecDeque<(Instant, IpAddr)>,
}

#[derive(Debug)]
struct QueuedWaiter {
    waiter: Waiter,
    key: QueueKey,
    slot_sender: oneshot::Sender<HashSlot>,
}

/// The order of the queue: the lowest goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct QueueKey {
    /// The waiter's weight, and the number of waiters and recent hashes of its address.
    weight: u32,
    arrived: u64,
}

/// The right to make one hash. Dropping it passes it to the next waiter.
#[derive(Debug)]
pub(crate) struct HashSlot {
    core: Arc<QueueCore>,
    used: Option<Instant>,
}

impl HashQueue {
    /// Leaves one core to other work, if there are several.
    pub(crate) fn new() -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        let others = u32::try_from(cores.saturating_sub(1)).unwrap_or(SLOTS_MAX);
        Self::with(others.clamp(1, SLOTS_MAX))
    }

    fn with(slots: u32) -> Self {
        let slot_time_min = Duration::from_secs(1) * slots / HASHES_PER_SECOND_MAX;
        let recent = VecDeque::new();
        let state = QueueState { free: slots, waiting: Vec::new(), arrived: 0, recent };
        Self(Arc::new(QueueCore { slot_time_min, state: Mutex::new(state) }))
    }

    /// Waits for a slot.
    ///
    /// # Errors
    /// [`QueueFull`], at once or when a waiter with a lower weight has come.
    ///
    /// # Cancel safety
    /// Cancel safe: the position in the queue is lost.
    pub(crate) async fn slot(&self, waiter: Waiter) -> Result<HashSlot, QueueFull> {
        let (slot_sender, slot) = oneshot::channel();
        self.0.state().push(waiter, slot_sender)?;
        QueueCore::hand_out(&self.0);
        slot.await.map_err(|_| QueueFull)
    }
}

impl QueueState {
    fn push(
        &mut self,
        waiter: Waiter,
        slot_sender: oneshot::Sender<HashSlot>,
    ) -> Result<(), QueueFull> {
        self.waiting.retain(|waiting| !waiting.slot_sender.is_closed());
        let same = self.waiting.iter().filter(|waiting| waiting.waiter.network == waiter.network);
        let before = same.count() + self.recent_of(waiter.network);
        let before = u32::try_from(before).unwrap_or(u32::MAX);
        let key = QueueKey { weight: waiter.weight.saturating_add(before), arrived: self.arrived };
        self.arrived += 1;
        if self.waiting.len() >= WAITING_MAX {
            self.make_room(key)?;
        }
        self.waiting.push(QueuedWaiter { waiter, key, slot_sender });
        Ok(())
    }

    /// The number of recent slots of an address. Without it, a client that asks again at once would always be
    /// the first of its address.
    fn recent_of(&mut self, network: IpAddr) -> usize {
        while self
            .recent
            .pop_front_if(|(slot_sender, _)| slot_sender.elapsed() > RECENT_TIME)
            .is_some()
        {}
        self.recent.iter().filter(|(_, from)| *from == network).count()
    }

    /// Refuses the waiter that would go last.
    fn make_room(&mut self, newcomer: QueueKey) -> Result<(), QueueFull> {
        let waiting = self.waiting.iter().enumerate();
        let last = waiting.max_by_key(|(_, waiting)| waiting.key);
        match last {
            Some((last, waiting)) if waiting.key > newcomer => {
                self.waiting.swap_remove(last);
                Ok(())
            }
            _ => Err(QueueFull),
        }
    }

    /// Takes a slot for the next waiter.
    fn take(&mut self) -> Option<QueuedWaiter> {
        if self.free == 0 {
            return None;
        }
        let waiting = self.waiting.iter().enumerate();
        let (next, _) = waiting.min_by_key(|(_, waiting)| waiting.key)?;
        self.free -= 1;
        let next = self.waiting.swap_remove(next);
        if self.recent.len() >= RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back((Instant::now(), next.waiter.network));
        Some(next)
    }
}

impl QueueCore {
    fn state(&self) -> MutexGuard<'_, QueueState> {
        lock(&self.state)
    }

    /// Gives free slots to waiters. No lock is held while a slot is sent: if the waiter has left in the
    /// meantime, the slot is dropped and comes back.
    fn hand_out(self: &Arc<Self>) {
        loop {
            let next = self.state().take();
            let Some(next) = next else { return };
            drop(next.slot_sender.send(HashSlot { core: Arc::clone(self), used: None }));
        }
    }

    fn give_back(self: &Arc<Self>) {
        self.state().free += 1;
        self.hand_out();
    }
}

impl HashSlot {
    /// Makes the hash on a thread for blocking work.
    pub(crate) async fn hash<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        let mut slot = self;
        let done = spawn_blocking(move || {
            // The work cannot be cancelled, so the slot is kept until it ends, awaited or not.
            slot.begin_hash();
            work()
        });
        done.await
    }

    fn begin_hash(&mut self) {
        self.used = Some(Instant::now());
    }

    /// The rest of the shortest time that the slot is kept.
    fn left(&self) -> Duration {
        let used = self.used.map(|begun| self.core.slot_time_min.saturating_sub(begun.elapsed()));
        used.unwrap_or_default()
    }
}

impl Drop for HashSlot {
    fn drop(&mut self) {
        let (core, left) = (Arc::clone(&self.core), self.left());
        match Handle::try_current() {
            Ok(runtime) if !left.is_zero() => drop(runtime.spawn(async move {
                sleep(left).await;
                core.give_back();
            })),
            _ => core.give_back(),
        }
    }
}

#[cfg(test)]
mod tests;
