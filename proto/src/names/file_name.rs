//! File names. A sender's name is data, never a path.

use serde::{Deserialize, Serialize};
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

use crate::limits::{FILE_NAME_BYTES_MAX, FILE_NAME_IN_FOLDER_BYTES_MAX};
use crate::names::checked_string::checked_string;

/// The sanitized name of a file or folder: one path component of UTF-8 without control, format or
/// bidirectional characters.
///
/// The conversion accepts any text, also while decoding, and is idempotent. A name that [stands
/// alone](Self::from) may be saved anywhere, so every operating system must read it as a plain name. A name
/// [inside a folder](Self::inside) that was sent as a whole keeps every harmless character, since the
/// files of a folder refer to each other by their names.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct FileName(String);

impl FileName {
    /// Sanitizes a name inside a folder that is sent as a whole; 1 to 255 bytes. Three things change:
    /// characters that are invisible or control a terminal, names of partial files, and names of folders
    /// whose commands other programs run automatically.
    pub fn inside(name: &str) -> Self {
        let name: String = name.chars().map(visible_character).collect();
        let name = shorten(&name, FILE_NAME_IN_FOLDER_BYTES_MAX);
        Self(match name.strip_prefix(is_mark) {
            Some(rest) => format!("_{rest}"),
            None if name.trim().is_empty() => "_".to_owned(),
            None if has_a_meaning(&name) => name.replacen('.', "_", 1),
            None => name,
        })
    }

    /// The name of copy number `copy` next to files of the same name: `report (1).pdf`. Copy 0 has the
    /// name itself.
    pub fn numbered(&self, copy: u32) -> String {
        if copy == 0 {
            return self.0.clone();
        }
        let mark = format!(" ({copy})");
        let short = shorten(&self.0, FILE_NAME_IN_FOLDER_BYTES_MAX - mark.len());
        let (stem, extension) = split_extension(&short);
        format!("{stem}{mark}{extension}")
    }
}

/// Sanitizes a name that stands alone; 1 to 200 bytes.
impl From<&str> for FileName {
    fn from(name: &str) -> Self {
        let name: String = name.chars().map(safe_character).collect();
        let name = shorten(name.trim(), FILE_NAME_BYTES_MAX);
        // Windows removes dots and spaces at the end of a name.
        let name = name.trim_end_matches(['.', ' ']);
        // A leading '-' reads as an option, a leading dot hides the file, and a leading combining mark
        // changes the character that is displayed before the name.
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

checked_string!(FileName, Debug as Debug);

/// Characters that look like a slash, a backslash or a colon, or become one by Unicode normalization.
const LOOK_ALIKES: &str = "\u{2044}\u{2215}\u{29f8}\u{2571}\u{31d3}\u{ff0f}\u{1f67c}\
    \u{2216}\u{29f5}\u{29f9}\u{2572}\u{fe68}\u{ff3c}\
    \u{2236}\u{a789}\u{fe13}\u{fe55}\u{ff1a}";

/// Whether a character is invisible, and neither a space nor a control or format character: fillers for
/// absent letters, and the Braille cell without a dot.
pub fn is_blank(character: char) -> bool {
    matches!(
        character,
        '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{2800}' | '\u{3164}'
            | '\u{180b}'..='\u{180f}'
            | '\u{ffa0}'
            // Unicode reserves these for default-ignorable characters.
            | '\u{2065}'
            | '\u{fff0}'..='\u{fff8}'
            | '\u{e0000}'..='\u{e00ff}'
            | '\u{e01f0}'..='\u{e0fff}'
    )
}

/// Whether the character is a combining mark, drawn over the character before it.
fn is_mark(character: char) -> bool {
    character.general_category_group() == GeneralCategoryGroup::Mark
}

/// The character, or '_' if it has a meaning for a terminal, a shell or a file system.
fn safe_character(character: char) -> char {
    let separator = r#"/\:*?"<>|"#.contains(character);
    match character.general_category_group() {
        _ if separator || LOOK_ALIKES.contains(character) || is_blank(character) => '_',
        GeneralCategoryGroup::Other => '_',
        GeneralCategoryGroup::Separator => ' ',
        _ => character,
    }
}

/// The character, or '_' if it is invisible, controls a terminal, or ends a line or a name.
fn visible_character(character: char) -> char {
    let ends_line = matches!(character, '\u{2028}' | '\u{2029}');
    match character.general_category_group() {
        _ if ends_line || character == '/' || is_blank(character) => '_',
        GeneralCategoryGroup::Other => '_',
        _ => character,
    }
}

/// Folders of version control, which hold hooks and commands. Some programs run those as soon as a user
/// enters the folder above.
const RUN_AUTOMATICALLY: [&str; 3] = [".git", ".hg", ".jj"];

/// The prefix of the names of partial files. No sanitized name has this prefix.
pub const PART_PREFIX: &str = ".part-";

/// Whether the name has a meaning for the file system, for qchat, or for version control. Case does not
/// matter, and neither do the characters that some file systems ignore at the end.
fn has_a_meaning(name: &str) -> bool {
    let stem = name.split(':').next().unwrap_or_default().trim_end_matches(['.', ' ']);
    let start = name.get(..PART_PREFIX.len());
    let is_part = start.is_some_and(|start| start.eq_ignore_ascii_case(PART_PREFIX));
    matches!(name, "." | "..")
        || is_part
        || RUN_AUTOMATICALLY.iter().any(|folder| stem.eq_ignore_ascii_case(folder))
}

/// Shortens a name of more than `bytes_max` bytes before its extension, at the boundary of a character.
fn shorten(name: &str, bytes_max: usize) -> String {
    if name.len() <= bytes_max {
        return name.to_owned();
    }
    let (stem, extension) = split_extension(name);
    let room = bytes_max.saturating_sub(extension.len());
    let end = (0..=room).rev().find(|&end| stem.is_char_boundary(end)).unwrap_or(0);
    format!("{}{extension}", stem.get(..end).unwrap_or_default())
}

/// The length limit of an extension, in bytes, dot included.
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

/// Whether Windows opens a device under this name, with any extension.
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

#[cfg(test)]
mod tests;
