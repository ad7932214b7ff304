use super::*;

#[test]
fn pauses_and_attempts_grow_and_are_bounded() {
    let mut backoff = Backoff::default();
    let pause = |backoff: &mut Backoff| {
        backoff.failed();
        backoff.pause()
    };
    assert_eq!((backoff.patience(), backoff.pause()), (ATTEMPT_FIRST, Duration::ZERO));
    assert!(pause(&mut backoff) <= PAUSE_FIRST);
    assert!((0..40).map(|_| pause(&mut backoff)).all(|pause| pause <= PAUSE_MAX));
    assert_eq!(backoff.patience(), ATTEMPT_MAX);
    backoff.reset();
    assert_eq!((backoff.patience(), backoff.pause()), (ATTEMPT_FIRST, Duration::ZERO));
}

#[test]
fn a_failure_counts_until_ten_seconds_have_passed_without_another() {
    let (mut backoff, mut now) = (Backoff::default(), Instant::now());
    for _ in 0..5 {
        backoff.failed_at(now);
        now += FORGOTTEN_AFTER;
    }
    assert_eq!(backoff.failed, 5);
    backoff.failed_at(now + Duration::from_secs(1));
    assert_eq!(backoff.failed, 1);
}
