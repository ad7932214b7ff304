use std::sync::Arc;

use tokio::task::JoinSet;

use super::*;

fn rate(per_second: u32, burst: u32) -> Rate {
    Rate { per_second: per_second.try_into().unwrap(), burst: burst.try_into().unwrap() }
}

#[test]
fn a_burst_passes_and_later_requests_wait_for_their_tokens() {
    let (rate, now) = (rate(100, 10), Instant::now());
    let mut full_at = now;
    let mut wait = |tokens| {
        let (wait, full_after) = rate.take(tokens, full_at, now);
        full_at = full_after;
        wait.as_millis()
    };
    assert_eq!((wait(4), wait(6), wait(1)), (0, 0, 10));
    assert_eq!(wait(5), 60);
    // A request for more tokens than the bucket holds costs as many as it holds.
    assert_eq!(wait(1000), 160);
}

#[test]
fn a_bucket_fills_up_to_its_burst_and_no_further() {
    let (rate, now) = (rate(100, 10), Instant::now());
    let (_, full_at) = rate.take(10, now, now);
    assert_eq!(full_at, now + Duration::from_millis(100));
    let later = now + Duration::from_secs(60);
    let (wait, full_at) = rate.take(10, full_at, later);
    assert_eq!(wait, Duration::ZERO);
    assert_eq!(rate.take(10, full_at, later).0, Duration::from_millis(100));
}

/// Checks only lower bounds: a busy machine makes everything slower, and nothing faster.
#[tokio::test]
async fn more_tokens_than_the_bucket_holds_take_their_time() {
    let (bucket, begun) = (TokenBucket::of(rate(100, 10)), Instant::now());
    bucket.acquire_all(25).await;
    assert!(begun.elapsed() >= Duration::from_millis(150), "{:?}", begun.elapsed());
    assert!(!bucket.is_full());
}

#[tokio::test]
async fn a_cancelled_request_takes_no_tokens() {
    let bucket = TokenBucket::of(rate(1, 3600));
    bucket.acquire(3600).await;
    let full_at = *bucket.full_at.lock().await;
    let cancelled = tokio::time::timeout(Duration::from_millis(1), bucket.acquire(10)).await;
    assert!(cancelled.is_err());
    assert_eq!(*bucket.full_at.lock().await, full_at);
}

#[tokio::test]
async fn requests_are_served_in_their_order_whatever_they_cost() {
    let bucket = Arc::new(TokenBucket::of(rate(1000, 20)));
    bucket.acquire(20).await;
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut asking = JoinSet::new();
    for tokens in [20, 1, 10, 1] {
        let (bucket, order) = (Arc::clone(&bucket), Arc::clone(&order));
        asking.spawn(async move {
            bucket.acquire(tokens).await;
            order.lock().unwrap().push(tokens);
        });
    }
    asking.join_all().await;
    assert_eq!(*order.lock().unwrap(), [20, 1, 10, 1]);
}
