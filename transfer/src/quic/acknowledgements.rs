//! How often the peer is asked to acknowledge, which the congestion controller has to know.

use std::time::Duration;

/// After so many packets the peer acknowledges, instead of after every second: an acknowledgement costs both
/// sides a system call. Where fewer come, it does so after a time in which a fast transfer brings many more.
pub(super) const ACKNOWLEDGED_AFTER: u32 = 32;
pub(super) const ACKNOWLEDGED_WITHIN: Duration = Duration::from_millis(5);
