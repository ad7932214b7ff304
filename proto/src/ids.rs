//! Ids, digests and tokens: values of a fixed number of bytes.

use std::fmt;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

/// The id that a client makes for a command whose effect must happen once, however often the command is
/// sent.
///
/// A server takes any 128 bits. Ids that begin with the time, as those of [`random`](Self::random) do, lie together in
/// its store, which makes them cheaper.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ClientId(pub [u8; 16]);

impl ClientId {
    /// A new id: the milliseconds since 1970 in 48 bits, then 80 bits from the operating system's random numbers.
    ///
    /// # Panics
    /// If the operating system has no random numbers. TLS cannot work without them either.
    pub fn random() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let [.., a, b, c, d, e, f] = now.to_be_bytes();
        let [g, h, i, j, k, l, m, n, o, p]: [u8; 10] = random();
        Self([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p])
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&HEXLOWER.encode(&self.0))
    }
}

/// Pairs a unidirectional stream with its command. The client chooses a number that is unique on the
/// connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TransferId(pub u64);

/// The BLAKE3 digest of the bytes of a file.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest(pub [u8; 32]);

/// 64 lower-case hexadecimal digits, as `b3sum` prints them.
impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// The hash of one block: the chaining value of the block's subtree in the BLAKE3 tree of the file. The
/// hashes of all blocks merge to the file's [`Digest`]. The hash of an only block is the digest itself.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockHash(pub [u8; 32]);

impl fmt::Debug for BlockHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&HEXLOWER.encode(&self.0))
    }
}

/// The secret that resumes a session without a password: 256 random bits.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionToken([u8; 32]);

impl SessionToken {
    /// A new token from the operating system's random numbers.
    ///
    /// # Panics
    /// As [`ClientId::random`].
    pub fn random() -> Self {
        Self(random())
    }

    /// The secret, for hashing.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// The text form, 64 hexadecimal digits, for a file that only the owner can read.
    pub fn to_hex(&self) -> String {
        HEXLOWER.encode(&self.0)
    }

    /// Parses the text form.
    pub fn from_hex(text: &str) -> Option<Self> {
        let bytes = HEXLOWER.decode(text.as_bytes()).ok()?;
        bytes.try_into().ok().map(Self)
    }
}

impl Drop for SessionToken {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SessionToken(…)")
    }
}

/// Identifies a session to its owner. Unique among the sessions of one user. It does not resume the session.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SessionId(pub [u8; 6]);

/// The text is not a [`SessionId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a session's id has 12 hexadecimal digits, as sessions shows it")]
pub struct SessionIdError;

/// 12 lower-case hexadecimal digits.
impl fmt::Display for SessionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Capitals are folded.
impl FromStr for SessionId {
    type Err = SessionIdError;

    fn from_str(text: &str) -> Result<Self, SessionIdError> {
        let bytes = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).map_err(|_| SessionIdError)?;
        bytes.try_into().map(Self).map_err(|_| SessionIdError)
    }
}

#[expect(clippy::expect_used, reason = "no operating system that runs TLS lacks random numbers")]
fn random<const LENGTH: usize>() -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes).expect("the operating system gives random numbers");
    bytes
}

#[cfg(test)]
mod tests;
