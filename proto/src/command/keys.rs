//! The keys that identify the server.

use serde::{Deserialize, Serialize};

use crate::fingerprint::Fingerprint;

/// Follows the keys of the server; see [`Request::NextKey`](crate::Request::NextKey).
///
/// The answer is the current [`ServerKeys`], and another after each change. It does not end by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextKey;

/// The keys of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerKeys {
    /// The key that new connections are shown. It differs from the key of the caller's connection if the
    /// key was changed since.
    pub current: Fingerprint,
    /// The key that will replace the current one.
    pub next: Option<Fingerprint>,
}

impl ServerKeys {
    /// The key that the server announces as the successor of `key`.
    pub fn after(&self, key: Fingerprint) -> Option<Fingerprint> {
        match self.current == key {
            true => self.next.filter(|next| *next != key),
            false => Some(self.current),
        }
    }
}

#[cfg(test)]
mod tests;
