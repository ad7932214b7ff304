//! Points in time, for people and for scripts.

use jiff::Zoned;
use qchat_proto::Timestamp;

/// `2026-11-22T17:40:07.123Z` (RFC 3339), always UTC and with milliseconds.
pub(super) fn rfc3339(at: Timestamp) -> String {
    format!("{:.3}", instant(at))
}

/// `17:40` today, `21 Nov 17:40` this year, `2025-11-21 17:40` before.
pub(super) fn short_time(at: Timestamp, now: &Zoned) -> String {
    let at = instant(at).to_zoned(now.time_zone().clone());
    let format = match () {
        () if at.date() == now.date() => "%H:%M",
        () if at.year() == now.year() => "%-d %b %H:%M",
        () => "%Y-%m-%d %H:%M",
    };
    at.strftime(format).to_string()
}

/// A time after the year 9999 counts as the end of that year.
fn instant(at: Timestamp) -> jiff::Timestamp {
    let milliseconds = i64::try_from(at.milliseconds()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(milliseconds).unwrap_or(jiff::Timestamp::MAX)
}
