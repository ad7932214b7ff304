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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fuzzing::check_is_safe;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(line(text), expected, "{text:?}");
    }

    #[test]
    fn what_a_terminal_would_act_on_is_shown_instead() {
        check("plain, it's \"fine\" é 日本 👍🏽", "plain, it's \"fine\" é 日本 👍🏽");
        check("a\tb", "a    b");
        check("\x1b[2J\x1b]0;title\x07", "␛[2J␛]0;title␇");
        check("unterminated \x1bP", "unterminated ␛P");
        check("a\rb\nc\0", "a␍b␊c␀");
        check("\x7f", "␡");
        check("\u{9b}31m", "<U+009B>31m");
        check("\u{202e}fdp.exe", "<U+202E>fdp.exe");
        check("\u{2066}x\u{2069}", "<U+2066>x<U+2069>");
        check("zero\u{200b}width\u{feff}", "zero<U+200B>width<U+FEFF>");
        check("soft\u{ad}hyphen", "soft<U+00AD>hyphen");
        check("\u{e0041}", "<U+E0041>");
        check("\u{e000}", "<U+E000>");
        check("a\u{2028}b\u{2029}", "a<U+2028>b<U+2029>");
        check("👩\u{200d}💻", "👩\u{200d}💻");
        check("a\u{3164}b\u{2800}", "a<U+3164>b<U+2800>");
        check(&format!("e{}x", "\u{301}".repeat(6)), &format!("e{}x", "\u{301}".repeat(6)));
        check(
            &format!("e{}x", "\u{301}".repeat(8)),
            &format!("e{}<U+0301><U+0301>x", "\u{301}".repeat(6)),
        );
        // A vowel of Hangul, drawn into the syllable before it.
        check(
            &format!("가{}", "\u{1161}".repeat(7)),
            &format!("가{}<U+1161>", "\u{1161}".repeat(6)),
        );
    }

    proptest! {
        #[test]
        fn safe_text_holds_nothing_that_acts_and_stays_as_it_is(
            text in "[\\x00-\\x{2ff}\\x{2000}-\\x{206f}\\x{300}\\x{fe0f}\\x{e0000}-\\x{e01ff}👩é]{0,60}|.{0,60}"
        ) {
            check_is_safe(&text);
        }

        #[test]
        fn ordinary_text_is_not_changed(text in "[ -~à-öα-ω一-三]{0,40}") {
            prop_assert_eq!(line(&text), text.as_str());
        }
    }
}
