//! How often the peer acknowledges packets. The congestion controller calculates with these numbers.

use std::time::Duration;

/// The peer acknowledges after this many packets, instead of after every second one: an acknowledgement costs both sides a
/// system call.
pub(super) const ACKNOWLEDGED_AFTER: u32 = 32;

/// If fewer packets come, the peer acknowledges after this time, in which a fast transfer brings many more.
pub(super) const ACKNOWLEDGED_WITHIN: Duration = Duration::from_millis(5);
