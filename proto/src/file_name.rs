//! File names: a sender's name is data, never a path.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

use crate::limits::FILE_NAME_BYTES_MAX;
use crate::message::Timestamp;

/// The name of a file without its folder, made safe: one path component that no operating system
/// reads as anything else, 1 to 200 bytes of UTF-8 without control, format or bidirectional characters.
///
/// Any text becomes one, also while decoding; doing it twice changes nothing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct FileName(String);

impl FileName {
    /// The safe name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name for copy number `copy` beside files of the same name: `report (1).pdf`. Copy 0 is the
    /// name itself.
    pub fn numbered(&self, copy: u32) -> String {
        match (copy, split_extension(&self.0)) {
            (0, _) => self.0.clone(),
            (_, (stem, extension)) => format!("{stem} ({copy}){extension}"),
        }
    }
}

impl From<&str> for FileName {
    fn from(name: &str) -> Self {
        let name: String = name.chars().map(safe_character).collect();
        let name = shorten(name.trim());
        // Windows drops dots and spaces at the end of a name.
        let name = name.trim_end_matches(['.', ' ']);
        // A first '-' reads as an option, a first dot hides the file, and a mark changes what is
        // shown before the name.
        let is_odd_first = |first| matches!(first, '.' | '-') || is_mark(first);
        Self(match name.strip_prefix(is_odd_first) {
            Some(rest) => format!("_{rest}"),
            None if name.is_empty() => "file".to_owned(),
            None if is_device(name) => name.replacen(|_: char| true, "_", 1),
            None => name.to_owned(),
        })
    }
}

impl From<String> for FileName {
    fn from(name: String) -> Self {
        Self::from(name.as_str())
    }
}

impl From<FileName> for String {
    fn from(name: FileName) -> Self {
        name.0
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

impl fmt::Debug for FileName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}

/// What only looks like a slash, a backslash or a colon, or becomes one where names are simplified.
const LOOK_ALIKES: &str = "\u{2044}\u{2215}\u{29f8}\u{2571}\u{31d3}\u{ff0f}\u{1f67c}\
    \u{2216}\u{29f5}\u{29f9}\u{2572}\u{fe68}\u{ff3c}\
    \u{2236}\u{a789}\u{fe13}\u{fe55}\u{ff1a}";

/// Whether a character looks like nothing at all, and is neither a space nor a control or format
/// character: fillers for letters that are not there, and the Braille cell without a dot.
pub fn is_blank(character: char) -> bool {
    matches!(
        character,
        '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{2800}' | '\u{3164}'
            | '\u{180b}'..='\u{180f}'
            | '\u{ffa0}'
            // Kept free for characters like these.
            | '\u{2065}'
            | '\u{fff0}'..='\u{fff8}'
            | '\u{e0000}'..='\u{e00ff}'
            | '\u{e01f0}'..='\u{e0fff}'
    )
}

/// Whether a character is drawn over the one before it.
fn is_mark(character: char) -> bool {
    character.general_category_group() == GeneralCategoryGroup::Mark
}

/// The character itself, or '_' where a terminal, a shell or a file system would act on it.
fn safe_character(character: char) -> char {
    let separator = r#"/\:*?"<>|"#.contains(character);
    match character.general_category_group() {
        _ if separator || LOOK_ALIKES.contains(character) || is_blank(character) => '_',
        GeneralCategoryGroup::Other => '_',
        GeneralCategoryGroup::Separator => ' ',
        _ => character,
    }
}

/// Cuts a long name before its extension, at a character's boundary.
fn shorten(name: &str) -> String {
    if name.len() <= FILE_NAME_BYTES_MAX {
        return name.to_owned();
    }
    let (stem, extension) = split_extension(name);
    let room = FILE_NAME_BYTES_MAX - extension.len();
    let end = (0..=room).rev().find(|&end| stem.is_char_boundary(end)).unwrap_or(0);
    format!("{}{extension}", stem.get(..end).unwrap_or_default())
}

/// The longest ending that counts as an extension, dot included.
const EXTENSION_BYTES_MAX: usize = 20;

/// `("report", ".pdf")`; `.tar` before a last extension stays with it. A name without an extension
/// has an empty one.
fn split_extension(name: &str) -> (&str, &str) {
    let dot = |text: &str| {
        text.rfind('.').filter(|&dot| dot > 0 && text.len() - dot <= EXTENSION_BYTES_MAX)
    };
    let Some(last) = dot(name) else { return (name, "") };
    let (stem, extension) = name.split_at(last);
    match stem.strip_suffix(".tar") {
        Some(short) if !short.is_empty() => name.split_at(short.len()),
        _ => (stem, extension),
    }
}

/// Whether Windows would open a device under this name, whatever its extension.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
    let numbered = |prefix| {
        let number = stem.strip_prefix(prefix);
        number.is_some_and(|number| {
            matches!(
                number,
                "0" | "1"
                    | "2"
                    | "3"
                    | "4"
                    | "5"
                    | "6"
                    | "7"
                    | "8"
                    | "9"
                    | "\u{b9}"
                    | "\u{b2}"
                    | "\u{b3}"
            )
        })
    };
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$")
        || numbered("COM")
        || numbered("LPT")
}

/// The name under which the server stores a file, and by which it is known to everybody:
/// `<UTC milliseconds>_<name>`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StoredName(String);

/// A text that no server stores a file under.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a stored file's name is a number of milliseconds, '_', and a safe name")]
pub struct StoredNameError;

impl StoredName {
    /// The name of a file called `original` that arrived at `at`.
    pub fn new(at: Timestamp, original: &FileName) -> Self {
        Self(format!("{:013}_{original}", at.milliseconds()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// When the file arrived.
    pub fn at(&self) -> Timestamp {
        let digits = self.0.split_once('_').map(|(digits, _)| digits).unwrap_or_default();
        // Up to 20 digits are allowed, of which some numbers are too large.
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

impl TryFrom<String> for StoredName {
    type Error = StoredNameError;

    fn try_from(name: String) -> Result<Self, StoredNameError> {
        name.parse()
    }
}

impl From<StoredName> for String {
    fn from(name: StoredName) -> Self {
        name.0
    }
}

impl fmt::Display for StoredName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

impl fmt::Debug for StoredName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: &str) {
        assert_eq!(FileName::from(name).as_str(), expected, "{name:?}");
    }

    #[test]
    fn a_name_becomes_one_safe_component() {
        check("report.pdf", "report.pdf");
        check("r\u{e9}sum\u{e9} (final) #2.pdf", "r\u{e9}sum\u{e9} (final) #2.pdf");
        check("../../etc/passwd", "_._.._etc_passwd");
        check("..", "file");
        check("", "file");
        check(".bashrc", "_bashrc");
        check("-rf", "_rf");
        check("C:\\x", "C__x");
        check("a\u{1b}[2Jb", "a_[2Jb");
        check("a\u{202e}fdp.exe", "a_fdp.exe");
        check("nul\0", "nul_");
        check("NUL.txt", "_UL.txt");
        check("com1", "_om1");
        check("compute", "compute");
        check("name. . ", "name");
        check("a\u{2028}b", "a b");
        check("a\u{2216}b", "a_b");
        check("\u{3164}", "_");
        check("\u{301}a", "_a");
    }

    #[test]
    fn a_long_name_keeps_its_extension() {
        let name = FileName::from(format!("{}.pdf", "\u{e9}".repeat(300)));
        assert!(
            name.as_str().len() <= FILE_NAME_BYTES_MAX && name.as_str().ends_with("\u{e9}.pdf")
        );
    }

    #[test]
    fn copies_are_numbered_before_the_extension() {
        assert_eq!(FileName::from("report.pdf").numbered(0), "report.pdf");
        assert_eq!(FileName::from("report.pdf").numbered(1), "report (1).pdf");
        assert_eq!(FileName::from("a.tar.gz").numbered(2), "a (2).tar.gz");
        assert_eq!(FileName::from("README").numbered(1), "README (1)");
    }

    #[test]
    fn a_stored_name_is_a_time_and_a_safe_name() {
        let stored =
            StoredName::new(Timestamp::from_milliseconds(1_763_833_207_123), &"report.pdf".into());
        assert_eq!(stored.as_str(), "1763833207123_report.pdf");
        assert_eq!("1763833207123_report.pdf".parse(), Ok(stored));
        for wrong in ["report.pdf", "1763833207123_../x", "1763833207123", "12_x", "1763833207123_"]
        {
            assert!(wrong.parse::<StoredName>().is_err(), "{wrong}");
        }
    }
}
