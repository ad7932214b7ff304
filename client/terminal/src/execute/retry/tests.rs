use super::*;

const PAUSE: Duration = Duration::from_secs(5);

#[tokio::test]
async fn an_outcome_that_is_unknown_stays_so() {
    let mut retry = LineRetry::default();
    let long = Deadline::after(Duration::from_secs(60));
    assert!(retry.pause_after(CommandError::unreachable("down"), &long, PAUSE).is_ok());
    assert!(retry.pause_after(CommandError::outcome_unknown("lost"), &long, PAUSE).is_ok());
    let over = Deadline::after(Duration::ZERO);
    let told = retry.pause_after(CommandError::unreachable("down"), &over, PAUSE).unwrap_err();
    assert_eq!(told, CommandError::outcome_unknown("lost; tried for 0 s"));
}

#[tokio::test]
async fn the_pauses_leave_time_for_another_try() {
    let mut retry = LineRetry::default();
    let short = Deadline::after(Duration::from_millis(200));
    for _ in 0..20 {
        if let Ok(pause) = retry.pause_after(CommandError::unreachable("down"), &short, PAUSE) {
            assert!(pause <= Duration::from_millis(100), "{pause:?}");
        }
    }
}
