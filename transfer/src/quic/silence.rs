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

/// And so many of the shortest round trips more: a path may be long.
const ROUND_TRIPS: u32 = 3;

/// And so many times what the longest round trip took beyond the shortest. On a thin link a large packet
/// takes that much longer than a small one, and others may put two dozen of them before it at any time.
const PACKETS_BEFORE: u32 = 24;

/// No path is worth waiting longer.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// How often is looked within that time. Whoever was stopped for a while looks as often again, and finds what
/// has come in the meantime.
const LOOKS: u32 = 4;

/// How much of the longest round trip is left at the next look, in per cent: a queue that was long once is
/// forgotten after some minutes.
const REMEMBERED: u32 = 99;

/// Waits until nothing comes on a connection any more: at the earliest after 3.8 s without a packet, and
/// later where the round trips of the last minutes were long, and above all where they differed. The peer must have a reason to
/// say something: that is what keep-alives are for.
///
/// # Cancel safety
/// Cancel safe; called again, it begins anew.
pub async fn until_silent(connection: &Connection) {
    let mut longest = connection.rtt();
    let mut came = connection.stats().udp_rx.datagrams;
    let mut looks_in_vain = 0;
    while looks_in_vain < LOOKS {
        sleep(limit(connection.min_rtt(), longest) / LOOKS).await;
        longest = connection.rtt().max(longest * REMEMBERED / 100);
        let came_by_now = connection.stats().udp_rx.datagrams;
        looks_in_vain = if came_by_now == came { looks_in_vain + 1 } else { 0 };
        came = came_by_now;
    }
}

fn limit(shortest: Duration, longest: Duration) -> Duration {
    let queued = longest.saturating_sub(shortest).saturating_mul(PACKETS_BEFORE);
    (SILENCE + shortest.saturating_mul(ROUND_TRIPS) + queued).min(SILENCE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_follows_the_round_trip_and_is_bounded() {
        let seconds = |shortest, longest| {
            limit(Duration::from_millis(shortest), Duration::from_millis(longest)).as_secs_f64()
        };
        assert!(seconds(40, 55) < 4.5, "most networks: within 5 s");
        assert!((7.0..8.0).contains(&seconds(1_200, 1_210)), "a satellite");
        assert!(seconds(30, 330) > 10.0, "a thin link");
        assert!((seconds(20, 60_000) - 30.0).abs() < f64::EPSILON);
    }
}
