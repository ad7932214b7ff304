//! The QUIC transport settings that client and server share.

use std::sync::Arc;
use std::time::Duration;

use quinn::{AckFrequencyConfig, MtuDiscoveryConfig, TransportConfig, VarInt};

use super::acknowledgements::{ACKNOWLEDGED_AFTER, ACKNOWLEDGED_WITHIN};
use super::congestion::BbrFactory;

/// A packet counts as lost once a packet is acknowledged that was sent this many packets later (RFC 9002, section 6.1.1,
/// has three).
/// Some networks reorder packets all the time, by as many packets as come in some milliseconds. With three, most
/// packets would be sent twice and the path would look overloaded (`docs/decisions/008-loss-detection.md`).
const PACKET_THRESHOLD: u32 = 64;

/// A packet counts as lost if it takes longer than this many round trips (RFC 9002, section 6.1.2, has 9/8). A real loss
/// is detected half a round trip later.
const TIME_THRESHOLD: f32 = 1.5;

/// The assumed round trip before the first measurement. A packet of the handshake is repeated after three times as long.
/// With the 333 ms of RFC 9002, section 6.2.2, each handshake over a satellite is sent twice, and on a slow link
/// the repetitions of several clients fill the queue.
const INITIAL_ROUND_TRIP: Duration = Duration::from_millis(500);

/// MTU discovery ends if the largest packet size is known within this many bytes. Two probes find the size of most paths,
/// and each probe costs as much as several messages.
const MTU_CHANGE_MIN: u16 = 100;

/// Sets acknowledgements, loss detection, MTU discovery, the congestion controller and segmentation offload.
pub fn configure_transport(transport: &mut TransportConfig) {
    let mut acknowledgements = AckFrequencyConfig::default();
    acknowledgements
        .ack_eliciting_threshold(VarInt::from_u32(ACKNOWLEDGED_AFTER))
        .max_ack_delay(Some(ACKNOWLEDGED_WITHIN))
        .reordering_threshold(VarInt::from_u32(PACKET_THRESHOLD - 1));
    transport
        .ack_frequency_config(Some(acknowledgements))
        .packet_threshold(PACKET_THRESHOLD)
        .time_threshold(TIME_THRESHOLD)
        .initial_rtt(INITIAL_ROUND_TRIP)
        .mtu_discovery_config(Some(mtu_discovery()))
        .congestion_controller_factory(Arc::new(BbrFactory))
        .enable_segmentation_offload(has_segmentation_offload());
}

fn mtu_discovery() -> MtuDiscoveryConfig {
    let mut discovery = MtuDiscoveryConfig::default();
    discovery.minimum_change(MTU_CHANGE_MIN);
    discovery
}

/// Whether one system call may hand over several packets, which moves files four times as fast. Some network cards and
/// virtual machines lose or refuse such packets. The variable `QCHAT_SEGMENTATION_OFFLOAD=off` turns the offload off,
/// in the server and in the client.
fn has_segmentation_offload() -> bool {
    std::env::var_os("QCHAT_SEGMENTATION_OFFLOAD").is_none_or(|value| value != "off")
}
