//! Detects that a connection receives nothing any more.
//!
//! The idle timeout of QUIC is one number for all paths, and is agreed on before anything is known about the path. On a
//! slow link with a long queue a packet may take many seconds. A client that gives up such a connection and opens
//! another one makes the queue longer. This limit follows the measured round trips.

use std::time::Duration;

use quinn::Connection;
use tokio::time::sleep;

/// After this time without a packet, a connection on a short path is lost. The client sends a packet at least every
/// 1.5 s and gets an answer, so two heartbeats were lost.
const SILENCE: Duration = Duration::from_millis(3_800);

/// The limit is longer by this many of the shortest round trip: a path may be long.
const ROUND_TRIPS: u32 = 3;

/// The limit is longer by this many times the difference between the longest and the shortest round trip. On a slow link
/// that difference is about the time of one large packet, and others may queue two dozen of them at any time.
const QUEUED_PACKETS: u32 = 24;

/// The longest limit: no path is worth a longer wait.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// How often a connection is looked at. Silence is noticed up to one check late. A process that was suspended makes all
/// checks again afterwards, and so finds the packets that have come in the meantime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SilenceChecks {
    /// For a side with many connections.
    Few,
    /// For a side that has another peer to go to, and has to be there within 5 s.
    Many,
}

impl SilenceChecks {
    /// The number of checks within the limit.
    fn count(self) -> u32 {
        match self {
            Self::Few => 4,
            Self::Many => 16,
        }
    }
}

/// The part of the longest round trip that is forgotten within the limit: a long queue is forgotten after some minutes.
const FORGOTTEN_PER_MILLE: u32 = 40;

/// Waits until a connection receives nothing any more. That takes at least 3.8 s without a packet, and longer if the
/// round trips of the last minutes were long or differed. The peer must have a reason to send packets, which is the
/// purpose of keep-alives.
///
/// # Cancel safety
/// Cancel safe; another call begins again.
pub async fn until_silent(connection: &Connection, checks: SilenceChecks) {
    let checks = checks.count();
    let mut longest = connection.rtt();
    let mut received = connection.stats().udp_rx.datagrams;
    let mut checks_in_vain = 0;
    let kept_per_mille = 1_000 - FORGOTTEN_PER_MILLE / checks;
    while checks_in_vain < checks {
        sleep(silence_max(connection.min_rtt(), longest) / checks).await;
        longest = connection.rtt().max(longest * kept_per_mille / 1_000);
        let received_now = connection.stats().udp_rx.datagrams;
        checks_in_vain = if received_now == received { checks_in_vain + 1 } else { 0 };
        received = received_now;
    }
}

fn silence_max(shortest: Duration, longest: Duration) -> Duration {
    let queued = longest.saturating_sub(shortest).saturating_mul(QUEUED_PACKETS);
    (SILENCE + shortest.saturating_mul(ROUND_TRIPS) + queued).min(SILENCE_MAX)
}

#[cfg(test)]
mod tests;
