//! The time of day, for stamping changes.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use qchat_proto::Timestamp;

/// The system's time; 1970 if the system's clock is before that.
pub(crate) fn now() -> Timestamp {
    let since_start = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_milliseconds(u64::try_from(since_start.as_millis()).unwrap_or(u64::MAX))
}

/// Whether more than `duration` lies between `earlier` and `now`.
pub(crate) fn is_older(earlier: Timestamp, now: Timestamp, duration: Duration) -> bool {
    let age = now.milliseconds().saturating_sub(earlier.milliseconds());
    Duration::from_millis(age) > duration
}
