//! Makes text from outside safe to print.
//!
//! Messages, names, file names, errors and a replayed history may hold escape sequences that move the cursor,
//! change the title or hide text, and characters that reorder or disguise a line. All text from outside passes
//! [`line()`] before it reaches a terminal.

use std::borrow::Cow;
use std::fmt::Write;

use qchat_proto::is_blank;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};
use unicode_width::UnicodeWidthChar;

/// The replacement of a tab. Its real width depends on the column, which only the terminal knows.
const TAB: &str = "    ";

/// How many marks and joiners may follow a character. No script uses more. A flood of them would be drawn over
/// other lines, or hide the length of a text.
const MARKS_MAX: usize = 6;

/// The text as one line that no terminal acts on: control characters as pictures (`␛`), characters without a
/// shape and floods of marks as `<U+202E>`, a tab as spaces. A second call changes nothing.
///
/// A line break is a control character here. To keep lines, split the text first.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|character| acts(character) || is_mark(character)) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    let mut marks = MarkCounter::default();
    for character in text.chars() {
        match marks.flood(character) {
            true => show_number(character, &mut shown),
            false => show(character, &mut shown),
        }
    }
    Cow::Owned(shown)
}

/// Counts the marks after a character.
#[derive(Debug, Default)]
pub(crate) struct MarkCounter(usize);

impl MarkCounter {
    /// Whether the next character is one mark too many.
    pub(crate) fn flood(&mut self, next: char) -> bool {
        self.0 = if is_mark(next) { self.0 + 1 } else { 0 };
        self.0 > MARKS_MAX
    }
}

/// Whether a character is drawn over the one before it, or joins it to the next.
fn is_mark(character: char) -> bool {
    match character {
        '\0'..='~' => false,
        _ => {
            character.general_category_group() == GeneralCategoryGroup::Mark
                || character.width() == Some(0)
        }
    }
}

/// Whether a terminal acts on the character, or a reader is misled by it.
pub fn acts(character: char) -> bool {
    match character {
        ' '..='~' => false,
        // Joins emoji. Its only effect is the choice of glyphs.
        '\u{200d}' => false,
        _ if is_blank(character) => true,
        _ => matches!(
            character.general_category(),
            GeneralCategory::Control
                | GeneralCategory::Format
                | GeneralCategory::PrivateUse
                | GeneralCategory::LineSeparator
                | GeneralCategory::ParagraphSeparator
        ),
    }
}

fn show(character: char, shown: &mut String) {
    match character {
        '\t' => shown.push_str(TAB),
        '\0'..='\x1f' => shown.push(control_picture(character)),
        '\x7f' => shown.push('\u{2421}'),
        _ if acts(character) => show_number(character, shown),
        _ => shown.push(character),
    }
}

fn show_number(character: char, shown: &mut String) {
    // Writing to a String does not fail.
    let _ = write!(shown, "<U+{:04X}>", u32::from(character));
}

/// The Control Pictures block has C0's characters in their order, from U+2400.
fn control_picture(control: char) -> char {
    char::from_u32(0x2400 + u32::from(control)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// Escapes in JSON the characters that a terminal would act on, and floods of marks. The characters of JSON itself
/// are ASCII, so each escaped character is part of a string.
pub(super) fn json(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    let mut marks = MarkCounter::default();
    for character in json.chars() {
        if marks.flood(character) || acts(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a String does not fail.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(character);
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
