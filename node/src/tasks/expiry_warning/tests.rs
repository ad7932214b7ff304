use super::*;

#[test]
fn warnings_begin_thirty_days_before_the_expiry() {
    let now = OffsetDateTime::from(SystemTime::now());
    let check = |days, seconds, expected| {
        let expires = now + Duration::days(days) + Duration::seconds(seconds);
        assert_eq!(time_left(expires, now), expected, "{days} days, {seconds} s");
    };
    check(3650, 0, TimeLeft::Enough);
    check(30, 0, TimeLeft::Enough);
    check(30, -1, TimeLeft::Days(29));
    check(1, 0, TimeLeft::Days(1));
    check(0, 1, TimeLeft::Days(0));
    check(0, -1, TimeLeft::None);
    check(-400, 0, TimeLeft::None);
}
