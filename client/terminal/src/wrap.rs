//! Breaks long lines, so that the terminal does not: what it breaks begins at the margin, where a
//! message could pass for another speaker's.

use unicode_width::UnicodeWidthChar;

/// Where less room is left, lines are not broken: a column of single words reads worse.
const ROOM_MIN: usize = 16;

/// The line in rows of at most `room` columns, broken after spaces where there are any. Where the
/// room is not known, or is too small, the line stays whole.
pub(crate) fn wrap(line: &str, room: Option<usize>) -> Vec<String> {
    let Some(room) = room.filter(|&room| room >= ROOM_MIN) else { return vec![line.to_owned()] };
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

/// Where the first row ends; `None` where everything fits.
fn row_end(text: &str, room: usize) -> Option<usize> {
    let mut columns = 0;
    let mut after_space = None;
    let mut after_cluster = 0;
    let mut joined = false;
    for (index, character) in text.char_indices() {
        let width = character.width().unwrap_or(0);
        if width > 0 && !joined {
            // Not inside of an emoji or between a letter and its accents.
            after_cluster = index;
        }
        columns += width;
        if columns > room {
            let end = after_space.unwrap_or(after_cluster);
            return Some(if end > 0 { end } else { index.max(character.len_utf8()) });
        }
        joined = character == '\u{200d}';
        if character == ' ' {
            after_space = Some(index + 1);
        }
    }
    None
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
        check("aaaaaaaaaaaaaaaaaaaab", 20, &["aaaaaaaaaaaaaaaaaaaa", "b"]);
        check("日本語日本語日本語日本語", 16, &["日本語日本語日本", "語日本語"]);
        check("aaaaaaaaaaaaaaa👩\u{200d}💻b", 17, &["aaaaaaaaaaaaaaa", "👩\u{200d}💻b"]);
        check("too narrow to be broken", 10, &["too narrow to be broken"]);
        assert_eq!(wrap("no width known", None), ["no width known"]);
    }

    proptest! {
        #[test]
        fn no_row_is_too_wide_and_nothing_is_lost(line in "[a-z é日👍 ]{0,120}", room in 16..60_usize) {
            let rows = wrap(&line, Some(room));
            prop_assert_eq!(rows.concat(), line);
            for row in rows {
                prop_assert!(row.width() <= room, "{}", row);
            }
        }
    }
}
