//! A client that forges answers to path challenges which it never received. Its small packets contain these
//! instead of their own frames.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::BytesMut;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::crypto::{ClientConfig, CryptoError, PacketKey};

use crate::harness::{Change, ChangedHandshake};

/// QUIC frame types (RFC 9000, section 19).
const PING: u8 = 0x01;
const PATH_RESPONSE: u8 = 0x1b;

/// Longer packets are not changed.
const SMALL_BYTES: usize = 60;

/// Forges while the flag is set.
pub(super) fn with_forged_frames(
    inner: Arc<QuicClientConfig>,
    flag: Arc<AtomicBool>,
) -> impl ClientConfig {
    let change = move || -> Change {
        let flag = Arc::clone(&flag);
        Box::new(move |_, keys| {
            let mut keys = keys?;
            let is_forging = Arc::clone(&flag);
            keys.packet.local = Box::new(FrameWriter { is_forging, inner: keys.packet.local });
            Some(keys)
        })
    };
    ChangedHandshake { inner, change }
}

/// Writes other frames into a packet.
struct FrameWriter {
    is_forging: Arc<AtomicBool>,
    inner: Box<dyn PacketKey>,
}

impl PacketKey for FrameWriter {
    fn encrypt(&self, number: u64, packet: &mut [u8], header_bytes: usize) {
        if self.is_forging.load(Ordering::Relaxed) && packet.len() < SMALL_BYTES {
            let end = packet.len() - self.tag_len();
            let payload = &mut packet[header_bytes..end];
            payload.fill(PING);
            let mut answer = vec![PATH_RESPONSE];
            answer.extend(number.to_be_bytes());
            for room in payload.chunks_exact_mut(answer.len()).take(1) {
                room.copy_from_slice(&answer);
            }
        }
        self.inner.encrypt(number, packet, header_bytes);
    }

    fn decrypt(
        &self,
        number: u64,
        header: &[u8],
        payload: &mut BytesMut,
    ) -> Result<(), CryptoError> {
        self.inner.decrypt(number, header, payload)
    }

    fn tag_len(&self) -> usize {
        self.inner.tag_len()
    }

    fn confidentiality_limit(&self) -> u64 {
        self.inner.confidentiality_limit()
    }

    fn integrity_limit(&self) -> u64 {
        self.inner.integrity_limit()
    }
}
