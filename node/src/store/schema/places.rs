//! The places of a log's messages among the messages of all logs.
//!
//! A message is stored once, at the next key of the server that writes it. Its log lists it, and for a message to a
//! user the sender's log as well. So a new message changes the last page of the messages and one small row of each log,
//! however many messages there are.

use qchat_proto::Sequence;
use serde::{Deserialize, Serialize};

use crate::store::interface::WriterNumber;

/// The bits of a key below the number of its writer.
const COUNT_BITS: u32 = 48;

/// All keys are smaller.
const KEYS_END: u64 = 1 << 62;

/// The number of messages in one row of `Chunks`. It belongs to the format of the store.
#[cfg(not(any(test, fuzzing)))]
pub(in crate::store) const CHUNK: usize = 32;

/// A small number, so that short random tests fill chunks.
#[cfg(any(test, fuzzing))]
pub(in crate::store) const CHUNK: usize = 4;

/// The key of a message: the number of its writer, and a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(in crate::store) struct MessageKey(u64);

impl MessageKey {
    /// The key before the first one of a writer.
    pub(in crate::store) fn before_first(writer: WriterNumber) -> Self {
        Self(u64::from(writer.get()) << COUNT_BITS)
    }

    /// The next key of the same writer.
    pub(in crate::store) fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    pub(in crate::store) fn get(self) -> u64 {
        self.0
    }
}

/// The place of a message that a log lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct Place {
    pub(in crate::store) key: MessageKey,
    /// Whether this is the copy in the sender's own log, which counts as read.
    pub(in crate::store) is_copy: bool,
}

/// Places in the order of their sequence numbers, stored as differences, which are small.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<u64>", into = "Vec<u64>")]
pub(in crate::store) struct Places(pub(in crate::store) Vec<Place>);

/// The row of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::store) struct LogHead {
    /// The last sequence number.
    pub(in crate::store) last: Sequence,
    /// The places of the newest messages, which are in no chunk yet.
    pub(in crate::store) tail: Places,
}

impl From<Places> for Vec<u64> {
    fn from(places: Places) -> Self {
        let mut before = 0;
        let stored = places.0.iter().map(|place| {
            let difference = place.key.0.cast_signed().wrapping_sub(before);
            before = place.key.0.cast_signed();
            // The sign is the lowest bit but one, so that small differences of both signs are small numbers.
            let zigzag = ((difference << 1) ^ (difference >> 63)).cast_unsigned();
            (zigzag << 1) | u64::from(place.is_copy)
        });
        stored.collect()
    }
}

impl TryFrom<Vec<u64>> for Places {
    type Error = &'static str;

    fn try_from(stored: Vec<u64>) -> Result<Self, Self::Error> {
        let mut before = 0_i64;
        let places = stored.into_iter().map(|stored| {
            let zigzag = (stored >> 1).cast_signed();
            let difference = (zigzag >> 1) ^ -(zigzag & 1);
            before = before.checked_add(difference).ok_or("a key that is too large")?;
            let key = u64::try_from(before).map_err(|_| "a key below zero")?;
            if key >= KEYS_END {
                return Err("a key that is too large");
            }
            Ok(Place { key: MessageKey(key), is_copy: stored & 1 == 1 })
        });
        Ok(Self(places.collect::<Result<_, _>>()?))
    }
}

#[cfg(test)]
mod tests;
