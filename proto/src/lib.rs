//! The protocol between client and server; `docs/protocol.md` describes its bytes.
//!
//! A command is a client-opened bidirectional QUIC stream: one length-prefixed postcard [`Request`],
//! then the answer, one frame `Result<Reply, Refusal>`. The [`command`] module is the table of commands
//! and their answers. A file travels on a unidirectional stream of its own, paired with its command by a
//! [`TransferId`].
//!
//! Every type here that has a rule enforces it when it is decoded. So past this crate no `String` is a
//! user's name, and no list is longer than its bound.
//!
//! This crate knows no transport, no store and no terminal.

mod bounded_vec;
mod code;
pub mod command;
#[cfg(test)]
#[path = "../../tests/corpus/mod.rs"]
mod corpus;
pub mod file_stream;
mod fingerprint;
pub mod frame;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod ids;
pub mod limits;
mod message;
mod names;
pub mod quic_codes;
mod refusal;
mod text;
mod timestamp;

pub use crate::names::StoredName;
pub use crate::names::{FileName, PART_PREFIX, is_blank};
pub use crate::names::{FilePath, FolderPath, FolderPathError};
pub use bounded_vec::BoundedVec;
pub use code::Code;
pub use command::{Command, Handle, Request};
pub use fingerprint::{Fingerprint, FingerprintError};
pub use ids::{BlockHash, ClientId, Digest, SessionId, SessionIdError, SessionToken, TransferId};
pub use message::{
    Address, Body, File, Message, MessageId, MessageIdError, Receipt, Sequence, Stage,
};
pub use names::{GroupName, NameError, UserName};
pub use refusal::Refusal;
pub use text::{MessageText, Password, PasswordError, TextError};
pub use timestamp::Timestamp;

/// The name of the protocol in TLS's application-layer protocol negotiation (RFC 7301).
pub const ALPN: &[u8] = b"qchat/1";
