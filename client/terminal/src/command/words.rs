//! Splits a line into words and a rest. The line is one that was typed, or the arguments of a shell.

use std::path::{Path, PathBuf};

/// One line of input.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Input<'a> {
    /// As typed or read: white space separates words, and the rest is kept byte for byte.
    Line(&'a str),
    /// As a shell has split it: each argument is a word, and the rest is all arguments that are left.
    Arguments(&'a [String]),
}

impl<'a> Input<'a> {
    /// A line as it was read, without its line ending.
    pub(crate) fn line(text: &'a str) -> Self {
        let text =
            text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
        Self::Line(text)
    }

    /// Whether the line holds only white space.
    pub(crate) fn is_blank(self) -> bool {
        matches!(self, Self::Line(text) if text.trim().is_empty())
    }

    /// The first word: the name of the command.
    pub(crate) fn first_word(self) -> &'a str {
        Words::of(self).next().unwrap_or_default()
    }
}

/// Takes words from the beginning of a line.
#[derive(Debug, Clone)]
pub(crate) struct Words<'a> {
    left: Input<'a>,
}

/// Whether the character separates words. A pasted line may hold line breaks.
pub(crate) fn separates(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n')
}

/// Whether the character looks like a space or like nothing, but separates no words. Pasted text often has a
/// U+00A0.
pub(crate) fn is_odd_space(character: char) -> bool {
    !character.is_ascii()
        && (character.is_whitespace() || matches!(character, '\u{200b}' | '\u{feff}'))
}

/// How many characters of an unknown word an error repeats.
const WORD_CHARACTERS_MAX: usize = 64;

/// The beginning of a word of any length. Odd spaces are made visible: `send<U+00A0>bob`.
pub(crate) fn bounded(word: &str) -> String {
    let beginning = word.chars().take(WORD_CHARACTERS_MAX);
    let seen = |character: char| match is_odd_space(character) {
        true => format!("<U+{:04X}>", u32::from(character)),
        false => character.to_string(),
    };
    let cut = if word.chars().nth(WORD_CHARACTERS_MAX).is_some() { "…" } else { "" };
    beginning.map(seen).collect::<String>() + cut
}

impl<'a> Words<'a> {
    pub(crate) fn of(input: Input<'a>) -> Self {
        Self { left: input }
    }

    /// The input that is left.
    pub(crate) fn input(&self) -> Input<'a> {
        self.left
    }

    /// Everything after one separator, byte for byte; `None` if the line ends before it.
    pub(crate) fn rest(self) -> Option<String> {
        match self.left {
            Input::Line(text) => text.strip_prefix(separates).map(str::to_owned),
            Input::Arguments([]) => None,
            Input::Arguments(left) => Some(left.join(" ")),
        }
    }

    /// The rest as a name. One pair of quotes around a typed name is removed; a shell has removed its own.
    pub(crate) fn rest_unquoted(self) -> Option<String> {
        let typed = matches!(self.left, Input::Line(_));
        let rest = self.rest()?;
        let text = if typed { unquoted(&rest) } else { &rest };
        Some(text.to_owned()).filter(|text| !text.is_empty())
    }

    /// Removes ` &` from the end of a typed line. Returns whether it was there.
    pub(crate) fn take_ampersand(&mut self) -> bool {
        let Input::Line(text) = self.left else { return false };
        let before = text.trim_end_matches(separates).strip_suffix('&');
        let Some(before) = before.filter(|before| before.ends_with(separates)) else {
            return false;
        };
        self.left = Input::Line(before.trim_end_matches(separates));
        true
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        match self.left {
            Input::Line(text) => {
                let text = text.trim_start_matches(separates);
                let (word, left) = text.split_at(text.find(separates).unwrap_or(text.len()));
                self.left = Input::Line(left);
                Some(word).filter(|word| !word.is_empty())
            }
            Input::Arguments(arguments) => {
                let (word, left) = arguments.split_first()?;
                self.left = Input::Arguments(left);
                Some(word)
            }
        }
    }
}

/// Removes one pair of quotes around the text.
pub(crate) fn unquoted(text: &str) -> &str {
    let inside = |quote: char| text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
    inside('"').or_else(|| inside('\'')).unwrap_or(text)
}

/// Replaces a leading `~/` by the home folder.
pub(crate) fn expanded(text: &str, home: Option<&Path>) -> PathBuf {
    match (text.strip_prefix("~/"), home) {
        (Some(inside), Some(home)) => home.join(inside),
        _ => PathBuf::from(text),
    }
}

#[cfg(test)]
mod tests;
