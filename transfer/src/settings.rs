//! What both sides ask of QUIC, so that files use what a path has.

use std::sync::Arc;
use std::time::Duration;

use quinn::{AckFrequencyConfig, TransportConfig, VarInt};

use crate::Congestion;

/// After so many packets the peer acknowledges, instead of after every second: an acknowledgement costs both
/// sides a system call. Where fewer come, it does so after a time in which a fast transfer brings many more.
pub(crate) const ACKNOWLEDGED_AFTER: u32 = 32;
pub(crate) const ACKNOWLEDGED_WITHIN: Duration = Duration::from_millis(5);

/// A packet that was overtaken by fewer is not lost yet, and neither is one that takes less than so many times
/// as long as others (RFC 9002, section 6.1). On some networks packets overtake each other all the time, and
/// as many as come in some milliseconds: with the three packets and the nine eighths of the RFC, most of
/// them would be sent twice, and the path be taken for overloaded. What is lost is known half a round
/// trip later.
const OVERTAKEN_BY: u32 = 64;
const LATE: f32 = 1.5;

/// Settles when packets are acknowledged, when they are taken for lost, how many are on their way, and how
/// they are handed to the system.
pub fn settle(transport: &mut TransportConfig) {
    let mut acknowledgements = AckFrequencyConfig::default();
    acknowledgements
        .ack_eliciting_threshold(VarInt::from_u32(ACKNOWLEDGED_AFTER))
        .max_ack_delay(Some(ACKNOWLEDGED_WITHIN))
        .reordering_threshold(VarInt::from_u32(OVERTAKEN_BY - 1));
    transport
        .ack_frequency_config(Some(acknowledgements))
        .packet_threshold(OVERTAKEN_BY)
        .time_threshold(LATE)
        .congestion_controller_factory(Arc::new(Congestion))
        .enable_segmentation_offload(has_segmentation_offload());
}

/// Whether the system may be handed several packets at a time, which moves files four times as fast. Some
/// network cards and virtual machines lose or refuse what they are handed so: there the variable
/// `QCHAT_SEGMENTATION_OFFLOAD=off` turns it off, for server and client alike.
fn has_segmentation_offload() -> bool {
    std::env::var_os("QCHAT_SEGMENTATION_OFFLOAD").is_none_or(|value| value != "off")
}
