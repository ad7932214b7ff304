//! Frames: a length of four bytes (big-endian), and as many bytes of postcard.

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt};
use zeroize::Zeroizing;

/// The bytes are not a frame of the expected type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes do not decode, or a value breaks the rule of its type.
    #[error("the bytes are no valid frame")]
    Malformed,
    /// Bytes follow the value.
    #[error("the frame has {0} bytes too many")]
    TrailingBytes(usize),
}

/// Reading a frame failed.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The stream failed or ended.
    #[error("reading a frame")]
    Stream(#[from] std::io::Error),
    /// The announced length exceeds the limit.
    #[error("a frame of {length} bytes; at most {limit} are allowed")]
    TooLong {
        /// The announced length.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// The bytes are not a frame of the expected type.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

const LENGTH_BYTES: usize = 4;

/// Encodes the content of a frame: postcard, without the length.
///
/// # Panics
/// Never for the types of this crate, since all of them have a postcard form.
#[expect(
    clippy::expect_used,
    reason = "the types of this crate have no map of unknown length and no failing serializer"
)]
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_stdvec(value).expect("the types of the protocol have a postcard form")
}

/// Encodes a whole frame: length and content.
///
/// # Panics
/// As [`encode`]. Also if the content exceeds 4 GiB, which the bounds of every type forbid.
#[expect(clippy::expect_used, reason = "every type of the protocol is bounded far below 4 GiB")]
pub fn encode_frame<T: Serialize>(value: &T) -> Vec<u8> {
    let content = encode(value);
    let length = u32::try_from(content.len()).expect("a frame is shorter than 4 GiB");
    let mut frame = Vec::with_capacity(LENGTH_BYTES + content.len());
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(&content);
    frame
}

/// Decodes the content of a frame. No byte may follow the value.
///
/// # Errors
/// [`DecodeError`], if the bytes are not exactly one valid `T`.
pub fn decode<T: DeserializeOwned>(content: &[u8]) -> Result<T, DecodeError> {
    match postcard::take_from_bytes(content) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(DecodeError::TrailingBytes(rest.len())),
        Err(_) => Err(DecodeError::Malformed),
    }
}

/// The capacity that is reserved for a frame before its bytes arrive.
const FIRST_ALLOCATION: usize = 4 * 1024;

/// Reads one frame of at most `limit` bytes. The caller sets the deadline.
///
/// Memory grows with the bytes that have arrived, never with the announced length.
///
/// # Errors
/// [`ReadError`], if the stream ends early, the frame exceeds the limit, or is not a `T`.
///
/// # Cancel safety
/// Not cancel safe: a cancelled call loses the bytes that it has read.
pub async fn read<T: DeserializeOwned>(
    stream: &mut (impl AsyncRead + Unpin),
    limit: usize,
) -> Result<T, ReadError> {
    let announced = stream.read_u32().await?;
    let length = usize::try_from(announced).unwrap_or(usize::MAX);
    if length > limit {
        return Err(ReadError::TooLong { length, limit });
    }
    // A request may hold a password, so the buffer is zeroized.
    let mut content = Zeroizing::new(Vec::with_capacity(length.min(FIRST_ALLOCATION)));
    stream.take(u64::from(announced)).read_to_end(&mut content).await?;
    if content.len() < length {
        return Err(ReadError::Stream(std::io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(decode(&content)?)
}

#[cfg(test)]
mod tests;
