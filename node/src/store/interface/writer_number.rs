//! The numbers of the servers that write to one store.

/// A server's number among those that write to the same tables: below 2^14, so that a message key fits into 62 bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct WriterNumber(u16);

impl WriterNumber {
    /// The only server of an embedded store.
    pub(in crate::store) const ONLY: Self = Self(0);

    /// A server of many. The number 0 is not among them, so that the messages of an embedded store keep their keys.
    #[cfg(feature = "cluster")]
    pub(in crate::store) fn of_server(number: u16) -> Option<Self> {
        (1..1 << 14).contains(&number).then_some(Self(number))
    }

    /// The number as the first part of a message key.
    pub(in crate::store) fn get(self) -> u16 {
        self.0
    }
}
