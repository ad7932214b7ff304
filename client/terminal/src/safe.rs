//! Makes text from outside safe to print.
//!
//! Messages, names, file names, errors and replayed history may hold escape sequences that move the
//! cursor, change the title or hide what follows, and characters that reorder or disguise a line.
//! Everything that came from outside passes [`line()`] before it reaches a terminal.

use std::borrow::Cow;
use std::fmt::Write;

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// What a tab becomes. Its real width depends on the column, which only the terminal knows.
const TAB: &str = "    ";

/// The text as one line that no terminal acts on: control characters as pictures (`␛`), characters
/// without a shape of their own as `<U+202E>`, a tab as spaces. Doing it twice changes nothing.
///
/// A line break is a control character here: who wants several lines splits the text first.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    if !text.chars().any(acts) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        show(character, &mut shown);
    }
    Cow::Owned(shown)
}

/// Whether a terminal, or the eye of its reader, is led by the character instead of reading it.
pub(crate) fn acts(character: char) -> bool {
    match character {
        ' '..='~' => false,
        // Joins emoji, and has no other effect than to choose glyphs.
        '\u{200d}' => false,
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
        _ if acts(character) => {
            // Writing to a String does not fail.
            let _ = write!(shown, "<U+{:04X}>", u32::from(character));
        }
        _ => shown.push(character),
    }
}

/// The Control Pictures block has C0's characters in their order, from U+2400.
fn control_picture(control: char) -> char {
    char::from_u32(0x2400 + u32::from(control)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
    }

    proptest! {
        #[test]
        fn safe_text_holds_nothing_that_acts_and_stays_as_it_is(text in any::<String>()) {
            let safe = line(&text).into_owned();
            prop_assert!(!safe.chars().any(acts));
            prop_assert!(!safe.chars().any(char::is_control));
            prop_assert_eq!(line(&safe), safe.as_str());
        }

        #[test]
        fn ordinary_text_is_not_changed(text in "[ -~à-öα-ω一-三]{0,40}") {
            prop_assert_eq!(line(&text), text.as_str());
        }
    }
}
