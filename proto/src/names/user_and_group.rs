//! The names of users and groups.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::limits::NAME_BYTES_MAX;
use crate::names::checked_string::{checked_string, parsed_string};

/// The text breaks the rule for names. The error's text states the rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a name is 1 to 32 letters a-z, digits, '.', '_' or '-', and begins and ends with a letter or digit"
)]
pub struct NameError;

/// Folds capitals, and checks the rule for names of users and groups.
fn parse(name: &str) -> Result<String, NameError> {
    let folded = name.to_ascii_lowercase();
    let bytes = folded.as_bytes();
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let inner = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    let valid = bytes.len() <= NAME_BYTES_MAX
        && edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(inner);
    valid.then_some(folded).ok_or(NameError)
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// 1 to 32 of `a-z 0-9 . _ -`, beginning and ending with a letter or digit; capitals are folded.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        checked_string!($name, Debug as Display);
        parsed_string!($name, NameError);

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(name: &str) -> Result<Self, NameError> {
                parse(name).map(Self)
            }
        }
    };
}

name! {
    /// The name of an account.
    UserName
}

name! {
    /// The name of a group.
    GroupName
}

#[cfg(test)]
mod tests;
