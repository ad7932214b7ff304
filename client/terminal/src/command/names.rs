//! Names of users and groups as people write them: also `@bob` and `+lab`, because the client prints them so.

use std::str::FromStr;

use qchat_proto::{GroupName, NameError, UserName};

use crate::command::words::{bounded, is_odd_space};

/// A word is no name of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NameArgumentError {
    #[error(transparent)]
    Rule(#[from] NameError),
    #[error("{0} is no name; type a plain space instead of the one that is shown by its number")]
    Space(String),
    #[error("{0} is a group; the name of a person belongs here")]
    Group(String),
    #[error("{0} is a person; the name of a group belongs here")]
    Person(String),
}

/// A name that may have a sign before it.
pub(crate) trait PrefixedName: FromStr<Err = NameError> {
    /// The sign of this kind of name.
    const SIGN: char;
    /// The error if the word is a name of the other kind, with its sign.
    fn other_kind(word: &str) -> Option<NameArgumentError>;
}

impl PrefixedName for UserName {
    const SIGN: char = '@';

    fn other_kind(word: &str) -> Option<NameArgumentError> {
        let group = word.strip_prefix(GroupName::SIGN)?.parse::<GroupName>();
        group.ok().map(|_| NameArgumentError::Group(word.to_owned()))
    }
}

impl PrefixedName for GroupName {
    const SIGN: char = '+';

    fn other_kind(word: &str) -> Option<NameArgumentError> {
        let user = word.strip_prefix(UserName::SIGN)?.parse::<UserName>();
        user.ok().map(|_| NameArgumentError::Person(word.to_owned()))
    }
}

/// Reads a name, with or without its sign.
///
/// # Errors
/// [`NameArgumentError`]: the word breaks the rule, or has the sign of the other kind.
pub(crate) fn name<N: PrefixedName>(word: &str) -> Result<N, NameArgumentError> {
    let name = word.strip_prefix(N::SIGN).unwrap_or(word).parse();
    name.map_err(|wrong: NameError| match word.contains(is_odd_space) {
        true => NameArgumentError::Space(bounded(word)),
        false => N::other_kind(word).unwrap_or_else(|| wrong.into()),
    })
}

#[cfg(test)]
mod tests;
