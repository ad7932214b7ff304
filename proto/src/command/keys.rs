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
mod tests {
    use super::*;

    #[test]
    fn a_connection_made_before_a_change_is_told_the_key_after_its_own() {
        let [old, new, newer] = [b"1", b"2", b"3"].map(|key| Fingerprint::of_public_key(key));
        let keys = ServerKeys { current: new, next: Some(newer) };
        assert_eq!(keys.after(old), Some(new));
        assert_eq!(keys.after(new), Some(newer));
        assert_eq!(ServerKeys { current: new, next: None }.after(new), None);
        assert_eq!(ServerKeys { current: new, next: Some(new) }.after(new), None);
    }
}
