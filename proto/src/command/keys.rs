//! The keys by which the server shows who it is.

use serde::{Deserialize, Serialize};

use crate::fingerprint::Fingerprint;

/// Follows which keys the server has; see [`Request::NextKey`](crate::Request::NextKey).
///
/// The answer is a stream of [`ServerKeys`] that does not end by itself: how it is now, and again
/// whenever it changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextKey;

/// The keys of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerKeys {
    /// The one that it shows to new connections. Another one than that of the asker's connection where
    /// the key was changed since.
    pub current: Fingerprint,
    /// The one that will take its place.
    pub next: Option<Fingerprint>,
}

impl ServerKeys {
    /// Which key comes after this one, by what the server says.
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
