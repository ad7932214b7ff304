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
    check(&format!("가{}", "\u{1161}".repeat(7)), &format!("가{}<U+1161>", "\u{1161}".repeat(6)));
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
