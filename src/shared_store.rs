//! The settings of a store that several servers share.

use std::fmt;
use std::str::FromStr;

/// The longest name of a server, in bytes.
const NAME_BYTES_MAX: usize = 63;

/// The URL of a database, which may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct StoreUrl(pub(crate) String);

impl fmt::Debug for StoreUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("StoreUrl")
    }
}

impl FromStr for StoreUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        match text.starts_with("postgres://") || text.starts_with("postgresql://") {
            true => Ok(Self(text.to_owned())),
            false => Err("it is no URL such as postgres://USER@HOST/DATABASE".to_owned()),
        }
    }
}

/// The name of a server among those of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NodeName(String);

impl NodeName {
    /// The name of the machine.
    pub(crate) fn of_machine() -> Self {
        let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
        name.parse().unwrap_or(Self("server".to_owned()))
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for NodeName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        match (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_plain) {
            true => Ok(Self(text.to_owned())),
            false => Err(format!(
                "{text:?} is no name of a server: letters, digits, '-', '_' and '.', at most {NAME_BYTES_MAX}"
            )),
        }
    }
}

#[cfg(test)]
mod tests;
