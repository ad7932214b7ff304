//! An error.

use std::borrow::Cow;

use serde::Serialize;

use crate::error::CommandError;

#[derive(Serialize)]
pub(super) struct ErrorObject<'a> {
    code: &'static str,
    message: Cow<'a, str>,
}

impl<'a> From<&'a CommandError> for ErrorObject<'a> {
    fn from(CommandError { code, text, .. }: &'a CommandError) -> Self {
        Self { code: code.as_str(), message: text.into() }
    }
}

impl From<CommandError> for ErrorObject<'_> {
    fn from(CommandError { code, text, .. }: CommandError) -> Self {
        Self { code: code.as_str(), message: text.into() }
    }
}
