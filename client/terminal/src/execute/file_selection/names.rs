//! How a line names its files.

use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern};
use qchat_client::{CallError, LocalFileReason};

use super::FILES_MAX;
use crate::command::{expanded, separates, unquoted};
use crate::error::CommandError;

/// The files as they are named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FileArguments {
    /// By the rest of a typed line: one name, or else several names and patterns.
    Rest(String),
    /// By a shell's arguments: each is a name, or else all of them together are one.
    Arguments(Vec<String>),
}

/// A part of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FileWord {
    text: String,
    /// Whether it may be a pattern: not where it was quoted.
    may_match: bool,
}

/// As shells do it: a `*` fits no name that begins with a dot, and no `/`.
const MATCHING: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

impl FileArguments {
    /// All of it as one name.
    pub(crate) fn whole(&self) -> PathBuf {
        match self {
            Self::Rest(rest) => at_home(unquoted(rest)),
            Self::Arguments(arguments) => arguments.join(" ").into(),
        }
    }

    /// What is there of what is named, in the order of the line. Names without a folder begin in
    /// `folder`.
    ///
    /// # Errors
    /// [`CommandError`]: a name leads nowhere, no file fits a pattern, or too many do.
    pub(crate) fn find(&self, folder: Option<&Path>) -> Result<Vec<PathBuf>, CommandError> {
        let whole = placed(folder, &self.whole());
        match self {
            // Also where it holds what could be a pattern or several words.
            Self::Rest(_) if is_there(&whole) => Ok(vec![whole]),
            Self::Rest(rest) => found(folder, &split(rest), whole),
            Self::Arguments(arguments) => {
                let paths = arguments.iter().map(|name| placed(folder, Path::new(name)));
                let paths: Vec<_> = paths.collect();
                match paths.iter().find(|path| !is_there(path)) {
                    None => Ok(paths),
                    Some(_) if is_there(&whole) => Ok(vec![whole]),
                    Some(path) => Err(missing(path.clone())),
                }
            }
        }
    }
}

impl FileArguments {
    /// The same files as they are named now, for a line that is done later and elsewhere. Of what is not
    /// there yet, the whole is taken for one name.
    ///
    /// # Errors
    /// [`CommandError`]: a name cannot be written into a line.
    pub(crate) fn lasting(&self) -> Result<String, CommandError> {
        let paths = match self.find(None) {
            Ok(paths) => paths,
            Err(failure) if self.has_pattern() => return Err(failure),
            Err(_) => vec![self.whole()],
        };
        let names: Result<Vec<_>, _> = paths.iter().map(|path| lasting_name(path)).collect();
        let names = names?;
        match names.as_slice() {
            // Quotes inside of it do no harm: the pair around all of it is what is taken off.
            [name] => Ok(format!("\"{name}\"")),
            names if names.iter().any(|name| name.contains('"')) => Err(CommandError::refused(
                "local_file",
                "a name with a quote in it can only wait alone",
            )),
            names => Ok(format!("\"{}\"", names.join("\" \""))),
        }
    }

    /// Whether a word of it may stand for several files.
    pub(crate) fn has_pattern(&self) -> bool {
        matches!(self, Self::Rest(rest) if split(rest).iter().any(FileWord::is_pattern))
    }
}

fn lasting_name(path: &Path) -> Result<String, CommandError> {
    let local =
        |why: String| CommandError::refused("local_file", format!("{}: {why}", path.display()));
    let path = std::path::absolute(path).map_err(|error| local(error.to_string()))?;
    let path = path.to_str().ok_or_else(|| local("its folder's name is not UTF-8".to_owned()))?;
    Ok(path.to_owned())
}

/// What is there of several words. Where already the first is nothing, it was `whole` that was meant.
fn found(
    folder: Option<&Path>,
    words: &[FileWord],
    whole: PathBuf,
) -> Result<Vec<PathBuf>, CommandError> {
    let mut paths = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let path = placed(folder, &at_home(&word.text));
        if is_there(&path) {
            paths.push(path);
        } else if word.is_pattern() {
            paths.extend(fitting(&path)?);
        } else {
            return Err(missing(if index == 0 { whole } else { path }));
        }
    }
    Ok(paths)
}

/// The regular files that fit a pattern, sorted. A folder has to be named.
fn fitting(pattern: &Path) -> Result<Vec<PathBuf>, CommandError> {
    let local =
        |why: &str| CommandError::refused("local_file", format!("{}: {why}", pattern.display()));
    let text = pattern.to_str().ok_or_else(|| local("this is not UTF-8"))?;
    let paths = glob::glob_with(text, MATCHING).map_err(|wrong| local(wrong.msg))?;
    // What cannot be read does not fit.
    let files = paths.filter_map(Result::ok).filter(|path| path.is_file());
    let files: Vec<_> = files.take(FILES_MAX + 1).collect();
    match files.is_empty() {
        true => Err(local("no file fits this pattern")),
        false => Ok(files),
    }
}

fn missing(path: PathBuf) -> CommandError {
    CallError::LocalFile { path, reason: LocalFileReason::Missing }.into()
}

fn is_there(path: &Path) -> bool {
    // What cannot even be looked at is told of when it is opened.
    path.try_exists().unwrap_or(true)
}

fn placed(folder: Option<&Path>, path: &Path) -> PathBuf {
    folder.map_or_else(|| path.to_owned(), |folder| folder.join(path))
}

fn at_home(text: &str) -> PathBuf {
    expanded(text, etcetera::home_dir().ok().as_deref())
}

impl FileWord {
    fn is_pattern(&self) -> bool {
        self.may_match && Pattern::escape(&self.text) != self.text
    }
}

/// The words of a typed rest. A word that begins with a quote goes to the next one like it that ends
/// a word; where there is none, the quote belongs to a name.
fn split(rest: &str) -> Vec<FileWord> {
    let mut words = Vec::new();
    let mut left = rest.trim_start_matches(separates);
    while !left.is_empty() {
        let (word, rest) = quoted(left).unwrap_or_else(|| bare(left));
        words.push(word);
        left = rest.trim_start_matches(separates);
    }
    words
}

fn bare(text: &str) -> (FileWord, &str) {
    let (word, left) = text.split_at(text.find(separates).unwrap_or(text.len()));
    (FileWord { text: word.to_owned(), may_match: true }, left)
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
    Some((FileWord { text, may_match: false }, left))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str, may_match: bool) -> FileWord {
        FileWord { text: text.to_owned(), may_match }
    }

    #[test]
    fn words_are_quoted_where_a_quote_begins_and_ends_them() {
        assert_eq!(split("  a.log\tb.log "), [word("a.log", true), word("b.log", true)]);
        assert_eq!(
            split("\"a b\" '*.log' c"),
            [word("a b", false), word("*.log", false), word("c", true)]
        );
        assert_eq!(split("it's \"a"), [word("it's", true), word("\"a", true)]);
        assert_eq!(split("\"a\"b c\""), [word("a\"b c", false)]);
        assert_eq!(split(" "), []);
    }

    #[test]
    fn only_what_was_not_quoted_is_a_pattern() {
        let is_pattern = |text, may_match| word(text, may_match).is_pattern();
        assert!(is_pattern("*.log", true) && is_pattern("a?", true) && is_pattern("[ab]", true));
        assert!(!is_pattern("*.log", false) && !is_pattern("a.log", true));
    }
}
