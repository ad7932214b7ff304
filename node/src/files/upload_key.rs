//! The key of an upload, which is also the name of its partial file.

use std::fmt;

use data_encoding::HEXLOWER;
use qchat_proto::{ClientId, UserName};

/// The key of an upload: the sender, and the id that the sender's client chose.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct UploadKey {
    pub(crate) user: UserName,
    pub(crate) id: ClientId,
}

impl UploadKey {
    /// The key in the name of a partial file.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let (id, user) = name.split_once('-')?;
        let id = HEXLOWER.decode(id.as_bytes()).ok()?.try_into().ok()?;
        Some(Self { user: user.parse().ok()?, id: ClientId(id) })
    }
}

/// The name of the partial file.
impl fmt::Display for UploadKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", HEXLOWER.encode(&self.id.0), self.user)
    }
}

#[cfg(test)]
mod tests;
