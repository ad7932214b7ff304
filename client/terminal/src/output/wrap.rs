//! Wraps long lines, so that the terminal does not: a row that the terminal wraps begins at the margin, where
//! it could pass for the message of another speaker.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};
use unicode_width::UnicodeWidthChar;

/// The beginning of every row of a wrapped line except the first. It shows that the row is no line of its own.
const CONTINUED: &str = "  │ ";

/// In less room, ordinary words would not fit.
const WORD_ROOM_MIN: usize = 20;

/// Whether a word looks like a word also after a terminal has wrapped it.
pub(crate) fn is_plain(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The width of [`CONTINUED`].
pub(crate) const CONTINUED_COLUMNS: usize = 4;

/// The line in rows of at most `room` columns, wrapped after spaces if there are any. Without `room`, the line
/// stays whole.
///
/// A longer word, such as a URL, stays whole if it is plain ASCII and the terminal is wide enough for words:
/// the terminal can then open and copy it. It cannot pass for the message of another speaker, which holds
/// spaces and a `│`.
pub(crate) fn wrap(line: &str, room: Option<usize>) -> Vec<String> {
    let Some(room) = room else { return vec![line.to_owned()] };
    let mut rows = Vec::new();
    let mut left = line;
    while let Some(end) = row_end(left, room) {
        let (row, next) = left.split_at(end);
        rows.push(row.to_owned());
        left = next;
    }
    rows.push(left.to_owned());
    rows
}

/// The line in rows for a terminal of this width. It may hold text of somebody else, safe to print: only its
/// first row begins at the margin.
pub(crate) fn fold(line: &str, columns: Option<usize>) -> String {
    let room = columns.map(|columns| columns.saturating_sub(CONTINUED_COLUMNS).max(1));
    wrap(line, room).join(&format!("\n{CONTINUED}"))
}

/// The width of a character: the largest one, if terminals differ. A row that is wider than expected would be
/// wrapped by the terminal. So a mark counts too, because tables of widths differ in them.
pub(crate) fn width(character: char) -> usize {
    match character {
        // One half of a flag.
        '\u{1f1e6}'..='\u{1f1ff}' => 2,
        ' '..='~' => 1,
        // Wide in the tables of the C library, which many terminals use.
        '\u{302e}'..='\u{302f}' | '\u{3248}'..='\u{324f}' | '\u{16ff0}'..='\u{16ff1}' => 2,
        // Known only to newer terminals.
        _ if character.general_category() == GeneralCategory::Unassigned => 2,
        _ => character.width().unwrap_or(0).max(1),
    }
}

/// The end of the first row; `None` if everything fits.
fn row_end(text: &str, room: usize) -> Option<usize> {
    let mut columns = 0;
    let mut after_space = None;
    let mut after_cluster = 0;
    let mut joined = false;
    for (index, character) in text.char_indices() {
        if character.width().unwrap_or(0) > 0 && !joined {
            // No break inside an emoji or between a letter and its accents.
            after_cluster = index;
        }
        columns += width(character);
        if columns > room {
            let end = after_space.or_else(|| plain_word(text, room)).unwrap_or(after_cluster);
            // Not even one character fits with its marks: take as much as fits, or at least one.
            let one = if index > 0 { index } else { character.len_utf8() };
            let end = if end > 0 { end } else { one };
            return Some(end).filter(|&end| end < text.len());
        }
        joined = character == '\u{200d}';
        if character == ' ' {
            after_space = Some(index + 1);
        }
    }
    None
}

/// The end of the first word and the space after it, if the word may stay whole.
fn plain_word(text: &str, room: usize) -> Option<usize> {
    let end = text.find(' ').unwrap_or(text.len());
    let stays_whole = room >= WORD_ROOM_MIN && is_plain(text.get(..end)?);
    stays_whole.then(|| (end + 1).min(text.len()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_width::UnicodeWidthStr;

    use super::*;

    #[track_caller]
    fn check(line: &str, room: usize, expected: &[&str]) {
        assert_eq!(wrap(line, Some(room)), expected, "{line:?}");
    }

    #[test]
    fn lines_are_broken_after_spaces_or_where_they_must() {
        check("", 20, &[""]);
        check("exactly twenty chars", 20, &["exactly twenty chars"]);
        check("twenty-one characters", 20, &["twenty-one ", "characters"]);
        check("ééééééééééééééééééééb", 20, &["éééééééééééééééééééé", "b"]);
        check("日本語日本語日本語日本語", 16, &["日本語日本語日本", "語日本語"]);
        check("aaaaaaaaaaaaaaa👩\u{200d}💻b", 17, &["aaaaaaaaaaaaaaa", "👩\u{200d}💻b"]);
        check("very narrow", 4, &["very", " ", "narr", "ow"]);
        let url = format!("https://{}", "x".repeat(20));
        check(&format!("see {url} b"), 20, &["see ", &format!("{url} "), "b"]);
        let forged = format!("{}\u{a0}│\u{a0}hi", "x".repeat(20));
        check(&forged, 20, &["x".repeat(20).as_str(), "\u{a0}│\u{a0}hi"]);
        check("日本", 1, &["日", "本"]);
        check("x\u{fe0f}\u{fe0f}", 1, &["x", "\u{fe0f}", "\u{fe0f}"]);
        check("❤\u{fe0f}❤\u{fe0f}❤\u{fe0f}", 4, &["❤\u{fe0f}❤\u{fe0f}", "❤\u{fe0f}"]);
        assert_eq!(wrap("no width known", None), ["no width known"]);
    }

    #[test]
    fn no_character_is_taken_for_narrower_than_some_terminal_draws_it() {
        // Where tables differ: letters and marks that others draw in a column, or two, of their own.
        for (character, columns) in [
            ('\u{9be}', 1),
            ('\u{d4e}', 1),
            ('\u{a8fa}', 1),
            ('\u{302e}', 2),
            ('\u{3248}', 2),
            ('\u{16ff0}', 2),
            ('\u{378}', 2),
        ] {
            assert_eq!(width(character), columns, "{character:?}");
        }
    }

    #[test]
    fn only_the_first_row_of_a_folded_line_begins_at_the_margin() {
        assert_eq!(fold("saved a b c", Some(12)), "saved a \n  │ b c");
        assert_eq!(fold("saved a b c", None), "saved a b c");
    }

    proptest! {
        #[test]
        fn no_row_is_too_wide_and_nothing_is_lost(
            line in "([a-z é日👍 🇩\u{378}]|❤\u{fe0f}){0,120}", room in 2..60_usize
        ) {
            let rows = wrap(&line, Some(room));
            prop_assert_eq!(rows.concat(), line);
            for row in rows {
                let word = row.strip_suffix(' ').unwrap_or(&row);
                let stays_whole = room >= WORD_ROOM_MIN && is_plain(word);
                prop_assert!(row.width() <= room || stays_whole, "{}", row);
            }
        }
    }
}
