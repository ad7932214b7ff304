//! Reading a request: complete, bounded in bytes and in time, into memory of our own.
//!
//! Bytes are taken from quinn as soon as they are there, in any order. Bytes that wait in quinn keep the whole
//! datagram in which they came, so a peer that leaves out the first byte could hold much memory with few bytes.

use std::pin::pin;
use std::time::Duration;

use qchat_proto::limits::{REQUEST_BYTES_MAX, SIGNED_OUT_REQUEST_BYTES_MAX};
use qchat_proto::{Request, frame};
use quinn::{ReadError, RecvStream};
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

use crate::network::AuthState;

/// How long a request may take to arrive: 8 s, and longer only while at least 512 bytes a second come.
const TIME_MAX: Duration = Duration::from_secs(8);
const TIME_PER_BYTE: Duration = Duration::from_nanos(1_000_000_000 / 512);

/// The longest time, at any speed.
const TIME_MAX_IN_ALL: Duration = Duration::from_secs(60);

/// How many pieces of a request may come out of order: several times as many as it has packets. quinn keeps a
/// record of each gap.
const OUT_OF_ORDER_MAX: usize = 256;

/// The length prefix of a frame.
const LENGTH_BYTES: usize = 4;

/// A request of at most so many bytes, with its length, needs no slot. Requests that people type are shorter.
const SHORT_BYTES: usize = LENGTH_BYTES + SIGNED_OUT_REQUEST_BYTES_MAX;

/// The reason why there is no request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    /// The bytes are no request.
    #[error("the bytes are no request: {0}")]
    Garbage(#[from] frame::DecodeError),
    /// The request is too long for any caller.
    #[error("the bytes are no request: it is too long")]
    TooLong,
    /// The request is too long for a signed-out connection.
    #[error("the request is too long for a connection that is not signed in")]
    TooLongSignedOut,
    /// The request comes in more pieces than any client sends.
    #[error("the bytes are no request: it is in too many pieces")]
    Scattered,
    /// The request did not come in time.
    #[error("the request did not come in time")]
    TooSlow,
    /// The peer reset the stream, or the connection is lost.
    #[error("the request was given up by its sender")]
    Gone,
}

/// Reads a request to the end of its stream. A request that is longer than a signed-out connection may send
/// waits for `slot` first, which is returned with it.
///
/// # Cancel safety
/// Not cancel safe: bytes that were read are lost.
pub(crate) async fn read<R>(
    stream: &mut RecvStream,
    auth_state: AuthState,
    slot: impl Future<Output = Result<R, RequestError>>,
) -> Result<(Request, Option<R>), RequestError> {
    let mut partial = PartialRequest::of(auth_state);
    let (mut begun, mut slot, mut taken) = (Instant::now(), pin!(slot), None);
    loop {
        let due = begun + partial.time_max();
        let chunk = match timeout_at(due, stream.read_chunk(REQUEST_BYTES_MAX, false)).await {
            Ok(Ok(Some(chunk))) => chunk,
            Ok(Ok(None)) => return Ok((partial.request()?, taken)),
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => return Err(RequestError::TooSlow),
        };
        let first = usize::try_from(chunk.offset).unwrap_or(usize::MAX);
        let end = first.saturating_add(chunk.bytes.len());
        if taken.is_none() && auth_state == AuthState::SignedIn && end > SHORT_BYTES {
            let asked = Instant::now();
            taken = Some(slot.as_mut().await?);
            // The wait for a slot does not count as slowness of the peer.
            begun += asked.elapsed();
        }
        partial.take(first, &chunk.bytes)?;
    }
}

impl From<ReadError> for RequestError {
    fn from(_: ReadError) -> Self {
        Self::Gone
    }
}

/// The bytes of a frame that have come. Each byte comes once, in any order.
struct PartialRequest {
    /// The frame with its length. A request may hold a password, so the bytes are wiped.
    bytes: Zeroizing<Vec<u8>>,
    received: usize,
    /// The end of the latest piece.
    end: usize,
    /// The number of pieces that did not begin at the end of the piece before them.
    out_of_order: usize,
    /// How many bytes of the length prefix have come.
    length_bytes: usize,
    limit: usize,
}

impl PartialRequest {
    fn of(auth_state: AuthState) -> Self {
        let limit = match auth_state {
            AuthState::SignedOut => SIGNED_OUT_REQUEST_BYTES_MAX,
            AuthState::SignedIn => REQUEST_BYTES_MAX,
        };
        // Enough for nearly all requests: growing would leave a copy behind that is not wiped.
        let bytes = Zeroizing::new(Vec::with_capacity(256));
        Self { bytes, received: 0, end: 0, out_of_order: 0, length_bytes: 0, limit }
    }

    fn time_max(&self) -> Duration {
        let received = u32::try_from(self.received).unwrap_or(u32::MAX);
        TIME_MAX.saturating_add(TIME_PER_BYTE.saturating_mul(received)).min(TIME_MAX_IN_ALL)
    }

    fn take(&mut self, first: usize, bytes: &[u8]) -> Result<(), RequestError> {
        let end = first.saturating_add(bytes.len());
        self.received = self.received.saturating_add(bytes.len());
        self.out_of_order += usize::from(first != self.end);
        self.end = end;
        if self.out_of_order > OUT_OF_ORDER_MAX {
            return Err(RequestError::Scattered);
        }
        self.length_bytes += (first..end.min(LENGTH_BYTES)).len();
        if end > self.limit.saturating_add(LENGTH_BYTES) {
            self.keep(first.min(LENGTH_BYTES), bytes.get(..LENGTH_BYTES.saturating_sub(first)));
            return Err(self.too_long());
        }
        self.keep(first, Some(bytes));
        match self.announced() {
            Some(announced) if announced > self.limit => Err(self.too_long()),
            _ => Ok(()),
        }
    }

    fn keep(&mut self, first: usize, bytes: Option<&[u8]>) {
        let Some(bytes) = bytes else { return };
        let end = first.saturating_add(bytes.len());
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        if let Some(range) = self.bytes.get_mut(first..end) {
            range.copy_from_slice(bytes);
        }
    }

    /// The announced length, once its bytes have come.
    fn announced(&self) -> Option<usize> {
        let length = self.bytes.first_chunk().filter(|_| self.length_bytes == LENGTH_BYTES)?;
        Some(usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX))
    }

    fn too_long(&self) -> RequestError {
        match self.announced() {
            Some(length) if length > self.limit && length <= REQUEST_BYTES_MAX => {
                RequestError::TooLongSignedOut
            }
            _ => RequestError::TooLong,
        }
    }

    /// Decodes the request after the end of the stream.
    fn request(&self) -> Result<Request, RequestError> {
        let announced = self.announced().ok_or(frame::DecodeError::Malformed)?;
        let content = self.bytes.get(LENGTH_BYTES..).unwrap_or_default();
        match content.len().checked_sub(announced) {
            Some(0) => Ok(frame::decode(content)?),
            Some(beyond) => Err(frame::DecodeError::TrailingBytes(beyond).into()),
            None => Err(frame::DecodeError::Malformed.into()),
        }
    }
}

#[cfg(test)]
mod tests;
