use super::*;

/// How long a peer is tolerated that moves `bytes` after each `waited`, up to an hour.
fn tolerated(bytes: usize, waited: Duration) -> Duration {
    let (mut detector, mut whole) = (StallDetector::default(), Duration::ZERO);
    while whole < Duration::from_secs(3600) && detector.note(waited, bytes) == Ok(()) {
        whole += waited;
    }
    whole
}

#[test]
fn a_peer_that_moves_a_byte_now_and_then_is_stalled() {
    let second = Duration::from_secs(1);
    for (bytes, waited) in [(1, second), (250, second), (0, WINDOW), (10_000, WINDOW)] {
        assert!(tolerated(bytes, waited) < WINDOW, "{bytes} in {waited:?}");
    }
}

#[test]
fn a_slow_peer_is_waited_for() {
    let second = Duration::from_secs(1);
    for (bytes, waited) in [(256, second), (15_360, WINDOW), (1, second / 1000)] {
        assert!(tolerated(bytes, waited) >= 60 * WINDOW, "{bytes} in {waited:?}");
    }
}
