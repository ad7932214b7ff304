//! The fingerprint of a server's public key, by which people recognise the server.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64_NOPAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The SHA-256 of a certificate's `SubjectPublicKeyInfo` (RFC 5280, section 4.1.2.7; RFC 7469 pins
/// the same bytes). It covers the key alone, so it stays the same when the certificate is renewed. On the
/// wire, 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint([u8; 32]);

/// The text is not a fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is 'SHA256:' and 43 letters, digits, '+' or '/'")]
pub struct FingerprintError;

const PREFIX: &str = "SHA256:";

impl Fingerprint {
    /// The fingerprint of a public key in DER (`SubjectPublicKeyInfo`).
    pub fn of_public_key(subject_public_key_info: &[u8]) -> Self {
        Self(Sha256::digest(subject_public_key_info).into())
    }
}

/// `SHA256:` and base64 without padding, as OpenSSH prints fingerprints.
impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{PREFIX}{}", BASE64_NOPAD.encode(&self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let digits = text.trim().strip_prefix(PREFIX).ok_or(FingerprintError)?;
        let bytes = BASE64_NOPAD.decode(digits.trim_end_matches('=').as_bytes());
        let bytes = bytes.map_err(|_| FingerprintError)?;
        bytes.try_into().map(Self).map_err(|_| FingerprintError)
    }
}

#[cfg(test)]
mod tests;
