//! The outcome of the message of a file, which decides what stays of its upload.

/// The outcome of the transaction with the message of a finished file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Posted {
    /// The message of this file was stored.
    Sent,
    /// An earlier attempt had stored the message, with a file of its own.
    SentEarlier,
    /// There will be no message.
    Refused,
    /// There is no message, and the upload may try again.
    Failed,
    /// The message may have been stored.
    Unknown,
}
