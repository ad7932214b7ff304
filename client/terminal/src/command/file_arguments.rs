//! The files that a line names, as they were written. The disk is not looked at here.

use std::path::PathBuf;

use glob::Pattern;

use crate::command::words::{Input, Words, expanded, separates, unquoted};

/// The names of one or several files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FileArguments {
    /// The rest of a typed line: one name, or else several names and patterns.
    Rest(String),
    /// A shell's arguments: each is a name, or else all of them together are one.
    Arguments(Vec<String>),
}

/// A name or a pattern in the rest of a typed line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileWord {
    text: String,
    is_quoted: bool,
}

impl FileArguments {
    /// Takes the words that are left. `None` if there is no name.
    ///
    /// A shell has removed its own quotes. In a typed line they are kept until the names are separated.
    pub(crate) fn from_words(words: Words<'_>) -> Option<Self> {
        let input = words.input();
        words.rest_unquoted()?;
        match input {
            Input::Line(text) => {
                text.strip_prefix(separates).map(|rest| Self::Rest(rest.to_owned()))
            }
            Input::Arguments(names) => Some(Self::Arguments(names.to_vec())),
        }
    }

    /// All of the text as one name.
    pub(crate) fn whole(&self) -> PathBuf {
        match self {
            Self::Rest(rest) => in_home(unquoted(rest)),
            Self::Arguments(arguments) => arguments.join(" ").into(),
        }
    }

    /// Whether a word may stand for several files.
    pub(crate) fn has_pattern(&self) -> bool {
        matches!(self, Self::Rest(rest) if FileWord::split(rest).iter().any(FileWord::is_pattern))
    }
}

impl FileWord {
    /// Separates the words of a typed rest. A quote at the beginning of a word goes to the next quote of
    /// its kind that ends a word. If there is none, the quote is a part of the name.
    pub(crate) fn split(rest: &str) -> Vec<Self> {
        let mut words = Vec::new();
        let mut left = rest.trim_start_matches(separates);
        while !left.is_empty() {
            let (word, rest) = quoted(left).unwrap_or_else(|| bare(left));
            words.push(word);
            left = rest.trim_start_matches(separates);
        }
        words
    }

    /// The word as a path, with the home folder instead of a leading `~/`.
    pub(crate) fn path(&self) -> PathBuf {
        in_home(&self.text)
    }

    /// Whether the word may stand for several files. A quoted word does not.
    pub(crate) fn is_pattern(&self) -> bool {
        !self.is_quoted && Pattern::escape(&self.text) != self.text
    }
}

fn in_home(text: &str) -> PathBuf {
    expanded(text, etcetera::home_dir().ok().as_deref())
}

fn bare(text: &str) -> (FileWord, &str) {
    let (word, left) = text.split_at(text.find(separates).unwrap_or(text.len()));
    (FileWord { text: word.to_owned(), is_quoted: false }, left)
}

fn quoted(text: &str) -> Option<(FileWord, &str)> {
    let quote = text.chars().next().filter(|first| matches!(first, '"' | '\''))?;
    let inside = text.get(1..)?;
    let ends = |at: usize| {
        let left = inside.get(at + 1..)?;
        (left.is_empty() || left.starts_with(separates)).then_some((at, left))
    };
    let (end, left) = inside.match_indices(quote).find_map(|(at, _)| ends(at))?;
    let text = inside.get(..end)?.to_owned();
    Some((FileWord { text, is_quoted: true }, left))
}

#[cfg(test)]
mod tests;
