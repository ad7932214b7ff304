//! How it is noticed that nothing comes on a connection any more.
//!
//! QUIC's idle timeout is one number for all paths, agreed on before anything is known of the path. On a thin
//! link with a queue before it a packet may take many seconds, and whoever gives such a connection up and
//! makes another one makes the queue longer. This limit follows the round trip that was measured.

use std::time::Duration;

use quinn::Connection;
use tokio::time::sleep;

/// After this long without a packet a connection on a short path is lost. The client says something at
/// least every 1.5 s, and is answered: two heartbeats were lost then.
const SILENCE: Duration = Duration::from_millis(3_800);

/// And so many of the longest round trip more. A queue that others fill makes a round trip several times as
/// long as the one that the handshake has measured.
const ROUND_TRIPS: u32 = 8;

/// No path is worth waiting longer.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// How often is looked within that time. Whoever was stopped for a while looks as often again, and finds what
/// has come in the meantime.
const LOOKS: u32 = 4;

/// How much of the longest round trip is left at the next look, in per cent: a queue that was long once is
/// forgotten after some minutes.
const REMEMBERED: u32 = 99;

/// Waits until nothing comes on a connection any more: at the earliest after 3.8 s without a packet, and
/// later by eight times the longest round trip of the last minutes. The peer must have a reason to
/// say something: that is what keep-alives are for.
///
/// # Cancel safety
/// Cancel safe; called again, it begins anew.
pub async fn silence(connection: &Connection) {
    let mut longest = connection.rtt();
    let mut came = connection.stats().udp_rx.datagrams;
    let mut looks_in_vain = 0;
    while looks_in_vain < LOOKS {
        sleep(limit(longest) / LOOKS).await;
        longest = connection.rtt().max(longest * REMEMBERED / 100);
        let came_by_now = connection.stats().udp_rx.datagrams;
        looks_in_vain = if came_by_now == came { looks_in_vain + 1 } else { 0 };
        came = came_by_now;
    }
}

fn limit(longest_round_trip: Duration) -> Duration {
    (SILENCE + longest_round_trip.saturating_mul(ROUND_TRIPS)).min(SILENCE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_follows_the_round_trip_and_is_bounded() {
        let seconds = |round_trip: f64| limit(Duration::from_secs_f64(round_trip)).as_secs_f64();
        assert!(seconds(0.05) < 4.5, "most networks: within 5 s");
        assert!(seconds(1.2) > 10.0, "a satellite");
        assert!((seconds(60.0) - 30.0).abs() < f64::EPSILON);
    }
}
