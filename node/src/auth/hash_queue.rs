//! A line in which people wait for a hash, and who of them is next.
//!
//! Whoever has no session can ask for hashes, so these never get more of the machine than is theirs: not
//! the last core, and no more than [`HASHES_PER_SECOND_MAX`]. The line is bounded and fair between
//! addresses: who has less weight goes first, and each who waits or had a turn lately adds to the weight of those
//! who come after from the same address. Where it is full, who would come last is sent away.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::sleep;

/// How many hashes are made in a second at the most. It takes one core and a little for that.
pub(crate) const HASHES_PER_SECOND_MAX: u32 = 30;

/// How many people may wait: for two seconds and a little.
const WAITING_MAX: usize = 64;

/// How many hashes are made at a time where there are cores enough. Two reach the most that there may be.
const AT_A_TIME_MAX: u32 = 2;

/// For how long a turn counts against those who come from the same address.
const LATELY: Duration = Duration::from_secs(4);

/// How many turns can have been called in that time; and some whose hash was not made.
const RECENT_MAX: usize = 256;

/// Who wants a turn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waiter {
    /// Their address.
    pub(crate) network: IpAddr,
    /// Who has less goes first.
    pub(crate) weight: u32,
}

/// The line is full of people who are to come earlier.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct QueueFull;

/// The line.
#[derive(Debug, Clone)]
pub(crate) struct HashQueue(Arc<Line>);

#[derive(Debug)]
struct Line {
    /// A turn in which a hash was made lasts at least as long.
    turn_time_min: Duration,
    state: Mutex<QueueState>,
}

#[derive(Debug)]
struct QueueState {
    free: u32,
    waiting: Vec<QueuedWaiter>,
    arrived: u64,
    /// Whose turns the last ones were, and when they were called.
    recent: VecDeque<(Instant, IpAddr)>,
}

#[derive(Debug)]
struct QueuedWaiter {
    waiter: Waiter,
    place: QueueKey,
    called: oneshot::Sender<HashSlot>,
}

/// Whoever has the least is next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct QueueKey {
    /// That of the claim, and how many from there were waiting already or had a turn lately.
    weight: u32,
    arrived: u64,
}

/// The right to make one hash. Dropping it gives it to the next.
#[derive(Debug)]
pub(crate) struct HashSlot {
    line: Arc<Line>,
    used: Option<Instant>,
}

impl HashQueue {
    /// Leaves one core to others, where there is more than one.
    pub(crate) fn new() -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        let others = u32::try_from(cores.saturating_sub(1)).unwrap_or(AT_A_TIME_MAX);
        Self::with(others.clamp(1, AT_A_TIME_MAX))
    }

    fn with(at_a_time: u32) -> Self {
        let turn_time_min = Duration::from_secs(1) * at_a_time / HASHES_PER_SECOND_MAX;
        let recent = VecDeque::new();
        let state = QueueState { free: at_a_time, waiting: Vec::new(), arrived: 0, recent };
        Self(Arc::new(Line { turn_time_min, state: Mutex::new(state) }))
    }

    /// Waits for a turn. Dropping the future leaves the line.
    ///
    /// # Errors
    /// [`QueueFull`], at once or when somebody came who is to come earlier.
    pub(crate) async fn next(&self, waiter: Waiter) -> Result<HashSlot, QueueFull> {
        let (called, turn) = oneshot::channel();
        self.0.state().enter(waiter, called)?;
        Line::call(&self.0);
        turn.await.map_err(|_| QueueFull)
    }
}

impl QueueState {
    fn enter(
        &mut self,
        waiter: Waiter,
        called: oneshot::Sender<HashSlot>,
    ) -> Result<(), QueueFull> {
        self.waiting.retain(|waiting| !waiting.called.is_closed());
        let same = self.waiting.iter().filter(|waiting| waiting.waiter.network == waiter.network);
        let before = same.count() + self.had_lately(waiter.network);
        let before = u32::try_from(before).unwrap_or(u32::MAX);
        let place =
            QueueKey { weight: waiter.weight.saturating_add(before), arrived: self.arrived };
        self.arrived += 1;
        if self.waiting.len() >= WAITING_MAX {
            self.make_room(place)?;
        }
        self.waiting.push(QueuedWaiter { waiter, place, called });
        Ok(())
    }

    /// How many turns somebody from there had lately: else whoever comes back at once each time would always be
    /// the first from there.
    fn had_lately(&mut self, network: IpAddr) -> usize {
        while self.recent.pop_front_if(|(called, _)| called.elapsed() > LATELY).is_some() {}
        self.recent.iter().filter(|(_, from)| *from == network).count()
    }

    /// Sends away who would come last.
    fn make_room(&mut self, newcomer: QueueKey) -> Result<(), QueueFull> {
        let waiting = self.waiting.iter().enumerate();
        let last = waiting.max_by_key(|(_, waiting)| waiting.place);
        match last {
            Some((last, waiting)) if waiting.place > newcomer => {
                self.waiting.swap_remove(last);
                Ok(())
            }
            _ => Err(QueueFull),
        }
    }

    /// Takes a turn for the next in the line.
    fn take(&mut self) -> Option<QueuedWaiter> {
        if self.free == 0 {
            return None;
        }
        let waiting = self.waiting.iter().enumerate();
        let (next, _) = waiting.min_by_key(|(_, waiting)| waiting.place)?;
        self.free -= 1;
        let next = self.waiting.swap_remove(next);
        if self.recent.len() >= RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back((Instant::now(), next.waiter.network));
        Some(next)
    }
}

impl Line {
    fn state(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls as many as there are turns. No lock is held while a turn is handed over: who has left in
    /// the meantime drops it.
    fn call(self: &Arc<Self>) {
        loop {
            let next = self.state().take();
            let Some(next) = next else { return };
            drop(next.called.send(HashSlot { line: Arc::clone(self), used: None }));
        }
    }

    fn give_back(self: &Arc<Self>) {
        self.state().free += 1;
        self.call();
    }
}

impl HashSlot {
    /// Makes the hash, beside the runtime's threads.
    pub(crate) async fn hash<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        let mut turn = self;
        let done = spawn_blocking(move || {
            // The work cannot be cancelled, so the turn lasts until it ends, awaited or not.
            turn.begin();
            work()
        });
        done.await
    }

    fn begin(&mut self) {
        self.used = Some(Instant::now());
    }

    /// For how long it is still to last.
    fn left(&self) -> Duration {
        let used = self.used.map(|begun| self.line.turn_time_min.saturating_sub(begun.elapsed()));
        used.unwrap_or_default()
    }
}

impl Drop for HashSlot {
    fn drop(&mut self) {
        let (line, left) = (Arc::clone(&self.line), self.left());
        match Handle::try_current() {
            Ok(runtime) if !left.is_zero() => drop(runtime.spawn(async move {
                sleep(left).await;
                line.give_back();
            })),
            _ => line.give_back(),
        }
    }
}

#[cfg(test)]
mod tests;
