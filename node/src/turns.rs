//! A line in which people wait for a hash, and who of them is next.
//!
//! Whoever has no session can ask for hashes, so these never get more of the machine than is theirs: not
//! the last core, and no more than [`HASHES_PER_SECOND_MAX`]. The line is bounded and fair between
//! addresses: who has less weight goes first, and each who waits adds to the weight of those who come
//! after from the same address. Where it is full, who would come last is sent away.

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

/// Who wants a turn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claim {
    /// Their address.
    pub(crate) network: IpAddr,
    /// Who has less goes first.
    pub(crate) weight: u32,
}

/// The line is full of people who are to come earlier.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// The line.
#[derive(Debug, Clone)]
pub(crate) struct Turns(Arc<Line>);

#[derive(Debug)]
struct Line {
    /// A turn in which a hash was made lasts at least as long.
    turn_time_min: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    free: u32,
    waiting: Vec<Waiting>,
    arrived: u64,
}

#[derive(Debug)]
struct Waiting {
    claim: Claim,
    place: Place,
    called: oneshot::Sender<Turn>,
}

/// Whoever has the least is next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    /// That of the claim, and how many from there were waiting already.
    weight: u32,
    arrived: u64,
}

/// The right to make one hash. Dropping it gives it to the next.
#[derive(Debug)]
pub(crate) struct Turn {
    line: Arc<Line>,
    used: Option<Instant>,
}

impl Turns {
    /// Leaves one core to others, where there is more than one.
    pub(crate) fn new() -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        let others = u32::try_from(cores.saturating_sub(1)).unwrap_or(AT_A_TIME_MAX);
        Self::with(others.clamp(1, AT_A_TIME_MAX))
    }

    fn with(at_a_time: u32) -> Self {
        let turn_time_min = Duration::from_secs(1) * at_a_time / HASHES_PER_SECOND_MAX;
        let state = State { free: at_a_time, waiting: Vec::new(), arrived: 0 };
        Self(Arc::new(Line { turn_time_min, state: Mutex::new(state) }))
    }

    /// Waits for a turn. Dropping the future leaves the line.
    ///
    /// # Errors
    /// [`Full`], at once or when somebody came who is to come earlier.
    pub(crate) async fn next(&self, claim: Claim) -> Result<Turn, Full> {
        let (called, turn) = oneshot::channel();
        self.0.state().enter(claim, called)?;
        Line::call(&self.0);
        turn.await.map_err(|_| Full)
    }
}

impl State {
    fn enter(&mut self, claim: Claim, called: oneshot::Sender<Turn>) -> Result<(), Full> {
        self.waiting.retain(|waiting| !waiting.called.is_closed());
        let same = self.waiting.iter().filter(|waiting| waiting.claim.network == claim.network);
        let before = u32::try_from(same.count()).unwrap_or(u32::MAX);
        let place = Place { weight: claim.weight.saturating_add(before), arrived: self.arrived };
        self.arrived += 1;
        if self.waiting.len() >= WAITING_MAX {
            self.make_room(place)?;
        }
        self.waiting.push(Waiting { claim, place, called });
        Ok(())
    }

    /// Sends away who would come last.
    fn make_room(&mut self, newcomer: Place) -> Result<(), Full> {
        let waiting = self.waiting.iter().enumerate();
        let last = waiting.max_by_key(|(_, waiting)| waiting.place);
        match last {
            Some((last, waiting)) if waiting.place > newcomer => {
                self.waiting.swap_remove(last);
                Ok(())
            }
            _ => Err(Full),
        }
    }

    /// Takes a turn for the next in the line.
    fn take(&mut self) -> Option<Waiting> {
        if self.free == 0 {
            return None;
        }
        let waiting = self.waiting.iter().enumerate();
        let (next, _) = waiting.min_by_key(|(_, waiting)| waiting.place)?;
        self.free -= 1;
        Some(self.waiting.swap_remove(next))
    }
}

impl Line {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls as many as there are turns. No lock is held while a turn is handed over: who has left in
    /// the meantime drops it.
    fn call(self: &Arc<Self>) {
        loop {
            let next = self.state().take();
            let Some(next) = next else { return };
            drop(next.called.send(Turn { line: Arc::clone(self), used: None }));
        }
    }

    fn give_back(self: &Arc<Self>) {
        self.state().free += 1;
        self.call();
    }
}

impl Turn {
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

impl Drop for Turn {
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
mod tests {
    use std::pin::Pin;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    type Next = Pin<Box<dyn Future<Output = Result<Turn, Full>>>>;

    /// A line of which somebody has the only turn.
    struct Scene {
        turns: Turns,
        waiting: Vec<(u32, Next)>,
    }

    impl Scene {
        async fn new() -> (Self, Turn) {
            let turns = Turns::with(1);
            let turn = turns.next(claim(0, 0)).await.unwrap();
            (Self { turns, waiting: Vec::new() }, turn)
        }

        /// Somebody gets into the line, known by a number from now on.
        async fn enter(&mut self, number: u32, claim: Claim) {
            let turns = self.turns.clone();
            let mut next: Next = Box::pin(async move { turns.next(claim).await });
            assert!(asked_once(&mut next).await.is_none(), "{number} has not waited");
            self.waiting.push((number, next));
        }

        /// Who is called or sent away now.
        async fn told(&mut self) -> Vec<(u32, Result<Turn, Full>)> {
            let mut told = Vec::new();
            for (number, mut next) in std::mem::take(&mut self.waiting) {
                match asked_once(&mut next).await {
                    Some(result) => told.push((number, result)),
                    None => self.waiting.push((number, next)),
                }
            }
            told
        }

        /// Gives the turn back and those after it, and returns who had them, in this order.
        async fn order(mut self, turn: Turn) -> Vec<u32> {
            let mut order = Vec::new();
            let mut turn = Some(turn);
            while turn.take().is_some() {
                for (number, next) in self.told().await {
                    order.push(number);
                    turn = Some(next.unwrap());
                }
            }
            order
        }
    }

    /// What comes of a future that is asked once.
    async fn asked_once<T>(future: &mut (impl Future<Output = T> + Unpin)) -> Option<T> {
        tokio::select! {
            biased;
            result = future => Some(result),
            () = std::future::ready(()) => None,
        }
    }

    fn claim(host: u8, weight: u32) -> Claim {
        Claim { network: [192, 0, 2, host].into(), weight }
    }

    #[tokio::test]
    async fn addresses_take_turns_however_many_wait_there() {
        let (mut scene, turn) = Scene::new().await;
        for (number, host) in [(11, 1), (12, 1), (13, 1), (21, 2), (22, 2), (31, 3)] {
            scene.enter(number, claim(host, 0)).await;
        }
        assert_eq!(scene.order(turn).await, [11, 21, 31, 12, 22, 13]);
    }

    #[tokio::test]
    async fn who_has_less_weight_goes_first() {
        let (mut scene, turn) = Scene::new().await;
        for (number, weight) in [(5, 5), (1, 1), (3, 3), (0, 0)] {
            scene.enter(number, claim(u8::try_from(number).unwrap(), weight)).await;
        }
        assert_eq!(scene.order(turn).await, [0, 1, 3, 5]);
    }

    #[tokio::test]
    async fn a_full_line_sends_away_who_would_come_last() {
        let (mut scene, turn) = Scene::new().await;
        let full = u32::try_from(WAITING_MAX).unwrap();
        for number in 0..full {
            scene.enter(number, claim(1, 0)).await;
        }
        assert_eq!(scene.turns.next(claim(1, 0)).await.err(), Some(Full));
        assert_eq!(scene.turns.next(claim(2, full)).await.err(), Some(Full));
        scene.enter(100, claim(2, 0)).await;
        let told = scene.told().await;
        let told: Vec<_> = told.into_iter().map(|(number, told)| (number, told.err())).collect();
        assert_eq!(told, [(full - 1, Some(Full))]);
        assert_eq!(scene.order(turn).await[..3], [0, 100, 1]);
    }

    #[tokio::test]
    async fn who_has_left_is_not_waited_for() {
        let (mut scene, turn) = Scene::new().await;
        scene.enter(1, claim(1, 0)).await;
        scene.enter(2, claim(2, 0)).await;
        drop(scene.waiting.remove(0));
        assert_eq!(scene.order(turn).await, [2]);
    }

    #[tokio::test]
    async fn no_more_hashes_are_made_in_a_second_than_may_be() {
        for at_a_time in [1, 2] {
            let (turns, begun) = (Turns::with(at_a_time), Instant::now());
            let hashes = 10;
            for _ in 0..hashes {
                turns.next(claim(1, 0)).await.unwrap().hash(|| ()).await.unwrap();
            }
            let gaps = Duration::from_secs(1) * (hashes - at_a_time) / HASHES_PER_SECOND_MAX;
            assert!(begun.elapsed() >= gaps, "{:?}", begun.elapsed());
        }
    }

    #[tokio::test]
    async fn a_hash_that_nobody_waits_for_any_more_has_its_turn_to_the_end() {
        let (turns, ended) = (Turns::with(1), Arc::new(AtomicBool::new(false)));
        let turn = turns.next(claim(1, 0)).await.unwrap();
        let (work_ends, long) = (Arc::clone(&ended), turns.0.turn_time_min * 5);
        let mut hashing = Box::pin(turn.hash(move || {
            std::thread::sleep(long);
            work_ends.store(true, Ordering::SeqCst);
        }));
        assert!(asked_once(&mut hashing).await.is_none());
        drop(hashing);
        turns.next(claim(1, 0)).await.unwrap();
        assert!(ended.load(Ordering::SeqCst), "two hashes were made at a time");
    }

    #[tokio::test]
    async fn a_turn_without_a_hash_costs_no_time_and_a_panic_no_turn() {
        let turns = Turns::with(1);
        let begun = Instant::now();
        for _ in 0..10_000 {
            turns.next(claim(1, 0)).await.unwrap();
        }
        assert!(begun.elapsed() < turns.0.turn_time_min * 10_000 / 2);
        let turn = turns.next(claim(1, 0)).await.unwrap();
        assert!(turn.hash(|| panic!("in the test")).await.is_err());
        turns.next(claim(1, 0)).await.unwrap();
    }
}
