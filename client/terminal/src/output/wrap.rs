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
mod tests;
