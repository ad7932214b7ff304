//! Texts with a length limit: messages and passwords.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::limits::{MESSAGE_BYTES_MAX, PASSWORD_BYTES_MAX};

/// The text cannot be a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// The text has nothing but white space.
    #[error("the message is empty")]
    Empty,
    /// The text is longer than [`MESSAGE_BYTES_MAX`].
    #[error("the message has {0} bytes; at most {MESSAGE_BYTES_MAX} are possible")]
    TooLarge(usize),
}

/// The text of a message: 1 byte to 16 KiB of UTF-8, not only white space. Every byte is kept.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MessageText(String);

impl MessageText {
    /// The text of the sender. Not safe to print, since it may contain control characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for MessageText {
    type Error = TextError;

    fn try_from(text: String) -> Result<Self, TextError> {
        if text.len() > MESSAGE_BYTES_MAX {
            Err(TextError::TooLarge(text.len()))
        } else if text.trim().is_empty() {
            Err(TextError::Empty)
        } else {
            Ok(Self(text))
        }
    }
}

impl From<MessageText> for String {
    fn from(text: MessageText) -> Self {
        text.0
    }
}

/// Shows only the length, since messages do not belong in a log.
impl fmt::Debug for MessageText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "MessageText({} bytes)", self.0.len())
    }
}

/// The text cannot be a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// The text is empty.
    #[error("the password is empty")]
    Empty,
    /// The text is longer than [`PASSWORD_BYTES_MAX`].
    #[error("the password is longer than {PASSWORD_BYTES_MAX} bytes")]
    TooLong,
}

/// A password: 1 to 1,024 bytes of UTF-8. Zeroized when dropped, and never shown by `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Password(Zeroizing<String>);

impl Password {
    /// The secret, for hashing.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Password {
    type Error = PasswordError;

    fn try_from(password: String) -> Result<Self, PasswordError> {
        let password = Zeroizing::new(password);
        match password.len() {
            0 => Err(PasswordError::Empty),
            1..=PASSWORD_BYTES_MAX => Ok(Self(password)),
            _ => Err(PasswordError::TooLong),
        }
    }
}

impl From<Password> for String {
    fn from(password: Password) -> Self {
        password.0.as_str().to_owned()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Password(…)")
    }
}

#[cfg(test)]
mod tests;
