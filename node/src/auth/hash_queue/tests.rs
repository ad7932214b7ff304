use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

type Next = Pin<Box<dyn Future<Output = Result<HashSlot, QueueFull>>>>;

/// A queue with one slot, which is taken.
struct QueueTest {
    queue: HashQueue,
    waiting: Vec<(u32, Next)>,
}

impl QueueTest {
    async fn new() -> (Self, HashSlot) {
        let queue = HashQueue::with(1);
        let slot = queue.slot(waiter(0, 0)).await.unwrap();
        (Self { queue, waiting: Vec::new() }, slot)
    }

    /// Adds a waiter, known by a number from now on.
    async fn push(&mut self, number: u32, waiter: Waiter) {
        let queue = self.queue.clone();
        let mut next: Next = Box::pin(async move { queue.slot(waiter).await });
        assert!(polled_once(&mut next).await.is_none(), "{number} has not waited");
        self.waiting.push((number, next));
    }

    /// The waiters that get a slot or are refused now.
    async fn finished(&mut self) -> Vec<(u32, Result<HashSlot, QueueFull>)> {
        let mut finished = Vec::new();
        for (number, mut next) in std::mem::take(&mut self.waiting) {
            match polled_once(&mut next).await {
                Some(result) => finished.push((number, result)),
                None => self.waiting.push((number, next)),
            }
        }
        finished
    }

    /// Passes the slot from waiter to waiter, and returns their order.
    async fn order(mut self, slot: HashSlot) -> Vec<u32> {
        let mut order = Vec::new();
        let mut slot = Some(slot);
        while slot.take().is_some() {
            for (number, next) in self.finished().await {
                order.push(number);
                slot = Some(next.unwrap());
            }
        }
        order
    }
}

/// The result of a future that is polled once.
async fn polled_once<T>(future: &mut (impl Future<Output = T> + Unpin)) -> Option<T> {
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
async fn addresses_alternate_however_many_waiters_they_have() {
    let (mut test, slot) = QueueTest::new().await;
    for (number, host) in [(11, 1), (12, 1), (13, 1), (21, 2), (22, 2), (31, 3)] {
        test.push(number, waiter(host, 0)).await;
    }
    assert_eq!(test.order(slot).await, [11, 21, 31, 12, 22, 13]);
}

#[tokio::test]
async fn the_waiter_with_the_lowest_weight_goes_first() {
    let (mut test, slot) = QueueTest::new().await;
    for (number, weight) in [(5, 5), (2, 2), (3, 3), (1, 0)] {
        test.push(number, waiter(u8::try_from(number).unwrap(), weight)).await;
    }
    assert_eq!(test.order(slot).await, [1, 2, 3, 5]);
}

#[tokio::test]
async fn a_waiter_that_comes_back_at_once_is_not_always_the_first() {
    let queue = HashQueue::with(1);
    for _ in 0..3 {
        drop(queue.slot(waiter(1, 0)).await.unwrap());
    }
    let slot = queue.slot(waiter(9, 0)).await.unwrap();
    let mut test = QueueTest { queue, waiting: Vec::new() };
    test.push(1, waiter(1, 0)).await;
    test.push(2, waiter(2, 1)).await;
    assert_eq!(test.order(slot).await, [2, 1]);
}

#[tokio::test]
async fn a_full_queue_refuses_the_last_waiter() {
    let (mut test, slot) = QueueTest::new().await;
    let full = u32::try_from(WAITING_MAX).unwrap();
    for number in 0..full {
        test.push(number, waiter(1, 0)).await;
    }
    assert_eq!(test.queue.slot(waiter(1, 0)).await.err(), Some(QueueFull));
    assert_eq!(test.queue.slot(waiter(2, full)).await.err(), Some(QueueFull));
    test.push(100, waiter(2, 0)).await;
    let finished = test.finished().await;
    let finished: Vec<_> =
        finished.into_iter().map(|(number, finished)| (number, finished.err())).collect();
    assert_eq!(finished, [(full - 1, Some(QueueFull))]);
    assert_eq!(test.order(slot).await[..3], [0, 100, 1]);
}

#[tokio::test]
async fn a_waiter_that_has_left_is_skipped() {
    let (mut test, slot) = QueueTest::new().await;
    test.push(1, waiter(1, 0)).await;
    test.push(2, waiter(2, 0)).await;
    drop(test.waiting.remove(0));
    assert_eq!(test.order(slot).await, [2]);
}

#[tokio::test]
async fn the_rate_of_hashes_is_bounded() {
    for slots in [1, 2] {
        let (queue, begun) = (HashQueue::with(slots), Instant::now());
        let hashes = 10;
        for _ in 0..hashes {
            queue.slot(waiter(1, 0)).await.unwrap().hash(|| ()).await.unwrap();
        }
        let gaps = Duration::from_secs(1) * (hashes - slots) / HASHES_PER_SECOND_MAX;
        assert!(begun.elapsed() >= gaps, "{:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn a_hash_that_is_not_awaited_keeps_its_slot_to_the_end() {
    let (queue, ended) = (HashQueue::with(1), Arc::new(AtomicBool::new(false)));
    let slot = queue.slot(waiter(1, 0)).await.unwrap();
    let (work_ends, long) = (Arc::clone(&ended), queue.0.slot_time_min * 5);
    let mut hashing = Box::pin(slot.hash(move || {
        std::thread::sleep(long);
        work_ends.store(true, Ordering::SeqCst);
    }));
    assert!(polled_once(&mut hashing).await.is_none());
    drop(hashing);
    queue.slot(waiter(1, 0)).await.unwrap();
    assert!(ended.load(Ordering::SeqCst), "two hashes were made at a time");
}

#[tokio::test]
async fn a_slot_without_a_hash_costs_no_time_and_a_panic_no_slot() {
    let queue = HashQueue::with(1);
    let begun = Instant::now();
    for _ in 0..10_000 {
        queue.slot(waiter(1, 0)).await.unwrap();
    }
    assert!(begun.elapsed() < queue.0.slot_time_min * 10_000 / 2);
    let slot = queue.slot(waiter(1, 0)).await.unwrap();
    assert!(slot.hash(|| panic!("in the test")).await.is_err());
    queue.slot(waiter(1, 0)).await.unwrap();
}
