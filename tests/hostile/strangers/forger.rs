//! A client that forges answers to path challenges which it never received. Its small packets contain these
//! instead of their own frames.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::BytesMut;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::crypto::{
    ClientConfig, CryptoError, ExportKeyingMaterialError, HeaderKey, KeyPair, Keys, PacketKey,
    Session,
};
use quinn_proto::transport_parameters::TransportParameters;
use quinn_proto::{ConnectError, ConnectionId, Side, TransportError};

/// QUIC frame types (RFC 9000, section 19).
const PING: u8 = 0x01;
const PATH_RESPONSE: u8 = 0x1b;

/// Longer packets are not changed.
const SMALL_BYTES: usize = 60;

/// Forges while the flag is set.
pub(super) struct Forger {
    pub(super) is_forging: Arc<AtomicBool>,
    pub(super) inner: Arc<QuicClientConfig>,
}

impl ClientConfig for Forger {
    fn start_session(
        self: Arc<Self>,
        version: u32,
        server_name: &str,
        parameters: &TransportParameters,
    ) -> Result<Box<dyn Session>, ConnectError> {
        let inner = Arc::clone(&self.inner).start_session(version, server_name, parameters)?;
        Ok(Box::new(Forging { is_forging: Arc::clone(&self.is_forging), inner }))
    }
}

struct Forging {
    is_forging: Arc<AtomicBool>,
    inner: Box<dyn Session>,
}

impl Session for Forging {
    fn write_handshake(&mut self, buffer: &mut Vec<u8>) -> Option<Keys> {
        let mut keys = self.inner.write_handshake(buffer)?;
        let is_forging = Arc::clone(&self.is_forging);
        keys.packet.local = Box::new(FrameWriter { is_forging, inner: keys.packet.local });
        Some(keys)
    }

    fn initial_keys(&self, id: &ConnectionId, side: Side) -> Keys {
        self.inner.initial_keys(id, side)
    }

    fn handshake_data(&self) -> Option<Box<dyn Any>> {
        self.inner.handshake_data()
    }

    fn peer_identity(&self) -> Option<Box<dyn Any>> {
        self.inner.peer_identity()
    }

    fn early_crypto(&self) -> Option<(Box<dyn HeaderKey>, Box<dyn PacketKey>)> {
        self.inner.early_crypto()
    }

    fn early_data_accepted(&self) -> Option<bool> {
        self.inner.early_data_accepted()
    }

    fn is_handshaking(&self) -> bool {
        self.inner.is_handshaking()
    }

    fn read_handshake(&mut self, bytes: &[u8]) -> Result<bool, TransportError> {
        self.inner.read_handshake(bytes)
    }

    fn transport_parameters(&self) -> Result<Option<TransportParameters>, TransportError> {
        self.inner.transport_parameters()
    }

    fn next_1rtt_keys(&mut self) -> Option<KeyPair<Box<dyn PacketKey>>> {
        self.inner.next_1rtt_keys()
    }

    fn is_valid_retry(&self, id: &ConnectionId, header: &[u8], payload: &[u8]) -> bool {
        self.inner.is_valid_retry(id, header, payload)
    }

    fn export_keying_material(
        &self,
        output: &mut [u8],
        label: &[u8],
        context: &[u8],
    ) -> Result<(), ExportKeyingMaterialError> {
        self.inner.export_keying_material(output, label, context)
    }
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
