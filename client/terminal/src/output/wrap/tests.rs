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
    // Terminals differ for these: some draw the letters and marks in one or two columns of their own.
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
