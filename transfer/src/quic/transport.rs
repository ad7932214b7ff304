//! What both sides ask of QUIC, so that files use what a path has.

use std::sync::Arc;
use std::time::Duration;

use quinn::{AckFrequencyConfig, MtuDiscoveryConfig, TransportConfig, VarInt};

use super::acknowledgements::{ACKNOWLEDGED_AFTER, ACKNOWLEDGED_WITHIN};
use super::congestion::BbrFactory;

/// A packet that was overtaken by fewer is not lost yet, and neither is one that takes less than so many times
/// as long as others (RFC 9002, section 6.1). On some networks packets overtake each other all the time, and
/// as many as come in some milliseconds: with the three packets and the nine eighths of the RFC, most of
/// them would be sent twice, and the path be taken for overloaded. What is lost is known half a round
/// trip later.
const OVERTAKEN_BY: u32 = 64;
const LATE: f32 = 1.5;

/// What a round trip is taken for before one was measured: a packet of a handshake is repeated after three
/// times as long. With the 333 ms of RFC 9002 (section 6.2.2) each handshake by satellite is said twice, and on
/// a thin link the repetitions of some clients fill the queue.
const ROUND_TRIP_AT_FIRST: Duration = Duration::from_millis(500);

/// Packets that are larger by fewer bytes are not looked for: two probes find what most paths take, and each
/// costs as much as some messages.
const LARGER_BY_MIN: u16 = 100;

/// Settles when packets are acknowledged, when they are taken for lost, how many are on their way, and how
/// they are handed to the system.
pub fn configure_transport(transport: &mut TransportConfig) {
    let mut acknowledgements = AckFrequencyConfig::default();
    acknowledgements
        .ack_eliciting_threshold(VarInt::from_u32(ACKNOWLEDGED_AFTER))
        .max_ack_delay(Some(ACKNOWLEDGED_WITHIN))
        .reordering_threshold(VarInt::from_u32(OVERTAKEN_BY - 1));
    transport
        .ack_frequency_config(Some(acknowledgements))
        .packet_threshold(OVERTAKEN_BY)
        .time_threshold(LATE)
        .initial_rtt(ROUND_TRIP_AT_FIRST)
        .mtu_discovery_config(Some(larger_packets()))
        .congestion_controller_factory(Arc::new(BbrFactory))
        .enable_segmentation_offload(has_segmentation_offload());
}

fn larger_packets() -> MtuDiscoveryConfig {
    let mut discovery = MtuDiscoveryConfig::default();
    discovery.minimum_change(LARGER_BY_MIN);
    discovery
}

/// Whether the system may be handed several packets at a time, which moves files four times as fast. Some
/// network cards and virtual machines lose or refuse what they are handed so: there the variable
/// `QCHAT_SEGMENTATION_OFFLOAD=off` turns it off, for server and client alike.
fn has_segmentation_offload() -> bool {
    std::env::var_os("QCHAT_SEGMENTATION_OFFLOAD").is_none_or(|value| value != "off")
}
