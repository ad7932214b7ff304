use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

type Next = Pin<Box<dyn Future<Output = Result<HashSlot, QueueFull>>>>;

/// A line of which somebody has the only turn.
struct Scene {
    queue: HashQueue,
    waiting: Vec<(u32, Next)>,
}

impl Scene {
    async fn new() -> (Self, HashSlot) {
        let queue = HashQueue::with(1);
        let turn = queue.next(waiter(0, 0)).await.unwrap();
        (Self { queue, waiting: Vec::new() }, turn)
    }

    /// Somebody gets into the line, known by a number from now on.
    async fn enter(&mut self, number: u32, waiter: Waiter) {
        let queue = self.queue.clone();
        let mut next: Next = Box::pin(async move { queue.next(waiter).await });
        assert!(asked_once(&mut next).await.is_none(), "{number} has not waited");
        self.waiting.push((number, next));
    }

    /// Who is called or sent away now.
    async fn told(&mut self) -> Vec<(u32, Result<HashSlot, QueueFull>)> {
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
    async fn order(mut self, turn: HashSlot) -> Vec<u32> {
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

fn waiter(host: u8, weight: u32) -> Waiter {
    Waiter { network: [192, 0, 2, host].into(), weight }
}

#[tokio::test]
async fn addresses_take_turns_however_many_wait_there() {
    let (mut scene, turn) = Scene::new().await;
    for (number, host) in [(11, 1), (12, 1), (13, 1), (21, 2), (22, 2), (31, 3)] {
        scene.enter(number, waiter(host, 0)).await;
    }
    assert_eq!(scene.order(turn).await, [11, 21, 31, 12, 22, 13]);
}

#[tokio::test]
async fn who_has_less_weight_goes_first() {
    let (mut scene, turn) = Scene::new().await;
    for (number, weight) in [(5, 5), (2, 2), (3, 3), (1, 0)] {
        scene.enter(number, waiter(u8::try_from(number).unwrap(), weight)).await;
    }
    assert_eq!(scene.order(turn).await, [1, 2, 3, 5]);
}

#[tokio::test]
async fn who_comes_back_at_once_each_time_is_not_always_the_first() {
    let queue = HashQueue::with(1);
    for _ in 0..3 {
        drop(queue.next(waiter(1, 0)).await.unwrap());
    }
    let turn = queue.next(waiter(9, 0)).await.unwrap();
    let mut scene = Scene { queue, waiting: Vec::new() };
    scene.enter(1, waiter(1, 0)).await;
    scene.enter(2, waiter(2, 1)).await;
    assert_eq!(scene.order(turn).await, [2, 1]);
}

#[tokio::test]
async fn a_full_line_sends_away_who_would_come_last() {
    let (mut scene, turn) = Scene::new().await;
    let full = u32::try_from(WAITING_MAX).unwrap();
    for number in 0..full {
        scene.enter(number, waiter(1, 0)).await;
    }
    assert_eq!(scene.queue.next(waiter(1, 0)).await.err(), Some(QueueFull));
    assert_eq!(scene.queue.next(waiter(2, full)).await.err(), Some(QueueFull));
    scene.enter(100, waiter(2, 0)).await;
    let told = scene.told().await;
    let told: Vec<_> = told.into_iter().map(|(number, told)| (number, told.err())).collect();
    assert_eq!(told, [(full - 1, Some(QueueFull))]);
    assert_eq!(scene.order(turn).await[..3], [0, 100, 1]);
}

#[tokio::test]
async fn who_has_left_is_not_waited_for() {
    let (mut scene, turn) = Scene::new().await;
    scene.enter(1, waiter(1, 0)).await;
    scene.enter(2, waiter(2, 0)).await;
    drop(scene.waiting.remove(0));
    assert_eq!(scene.order(turn).await, [2]);
}

#[tokio::test]
async fn no_more_hashes_are_made_in_a_second_than_may_be() {
    for at_a_time in [1, 2] {
        let (queue, begun) = (HashQueue::with(at_a_time), Instant::now());
        let hashes = 10;
        for _ in 0..hashes {
            queue.next(waiter(1, 0)).await.unwrap().hash(|| ()).await.unwrap();
        }
        let gaps = Duration::from_secs(1) * (hashes - at_a_time) / HASHES_PER_SECOND_MAX;
        assert!(begun.elapsed() >= gaps, "{:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn a_hash_that_nobody_waits_for_any_more_has_its_turn_to_the_end() {
    let (queue, ended) = (HashQueue::with(1), Arc::new(AtomicBool::new(false)));
    let turn = queue.next(waiter(1, 0)).await.unwrap();
    let (work_ends, long) = (Arc::clone(&ended), queue.0.turn_time_min * 5);
    let mut hashing = Box::pin(turn.hash(move || {
        std::thread::sleep(long);
        work_ends.store(true, Ordering::SeqCst);
    }));
    assert!(asked_once(&mut hashing).await.is_none());
    drop(hashing);
    queue.next(waiter(1, 0)).await.unwrap();
    assert!(ended.load(Ordering::SeqCst), "two hashes were made at a time");
}

#[tokio::test]
async fn a_turn_without_a_hash_costs_no_time_and_a_panic_no_turn() {
    let queue = HashQueue::with(1);
    let begun = Instant::now();
    for _ in 0..10_000 {
        queue.next(waiter(1, 0)).await.unwrap();
    }
    assert!(begun.elapsed() < queue.0.turn_time_min * 10_000 / 2);
    let turn = queue.next(waiter(1, 0)).await.unwrap();
    assert!(turn.hash(|| panic!("in the test")).await.is_err());
    queue.next(waiter(1, 0)).await.unwrap();
}
