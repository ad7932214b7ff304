//! The names under which the server stores files.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::names::checked_string::{checked_string, parsed_string};
use crate::names::file_name::FileName;
use crate::timestamp::Timestamp;

/// The name under which the server stores a file, the same for all users:
/// `<UTC milliseconds>_<name>`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StoredName(String);

/// The text is not a stored name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a stored file's name is a number of milliseconds, '_', and a safe name")]
pub struct StoredNameError;

impl StoredName {
    /// The stored name of a file with the name `original` that arrived at `at`.
    pub fn new(at: Timestamp, original: &FileName) -> Self {
        // Stored files lie in one folder, so the rules for a name outside of a sent folder apply.
        let original = FileName::from(original.as_str());
        Self(format!("{:013}_{original}", at.milliseconds()))
    }

    /// The time at which the file arrived.
    pub fn at(&self) -> Timestamp {
        let digits = self.0.split_once('_').map(|(digits, _)| digits).unwrap_or_default();
        // Some numbers of 20 digits exceed 64 bits.
        Timestamp::from_milliseconds(digits.parse().unwrap_or(u64::MAX))
    }
}

impl FromStr for StoredName {
    type Err = StoredNameError;

    fn from_str(name: &str) -> Result<Self, StoredNameError> {
        let (digits, original) = name.split_once('_').ok_or(StoredNameError)?;
        let number =
            (13..=20).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        let safe = FileName::from(original).as_str() == original;
        (number && safe).then(|| Self(name.to_owned())).ok_or(StoredNameError)
    }
}

checked_string!(StoredName, Debug as Debug);
parsed_string!(StoredName, StoredNameError);

#[cfg(test)]
mod tests;
