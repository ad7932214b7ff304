use super::*;

#[test]
fn the_limit_follows_the_round_trip_and_is_bounded() {
    let seconds = |shortest, longest| {
        silence_max(Duration::from_millis(shortest), Duration::from_millis(longest)).as_secs_f64()
    };
    assert!(seconds(40, 55) < 4.5, "most networks: within 5 s");
    assert!((7.0..8.0).contains(&seconds(1_200, 1_210)), "a satellite");
    assert!(seconds(30, 330) > 10.0, "a thin link");
    assert!((seconds(20, 60_000) - 30.0).abs() < f64::EPSILON);
}
