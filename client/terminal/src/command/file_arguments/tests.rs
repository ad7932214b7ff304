use super::*;

fn word(text: &str) -> FileWord {
    FileWord { text: text.to_owned(), is_quoted: false }
}

fn quoted_word(text: &str) -> FileWord {
    FileWord { text: text.to_owned(), is_quoted: true }
}

#[test]
fn words_are_quoted_where_a_quote_begins_and_ends_them() {
    let split = FileWord::split;
    assert_eq!(split("  a.log\tb.log "), [word("a.log"), word("b.log")]);
    assert_eq!(split("\"a b\" '*.log' c"), [quoted_word("a b"), quoted_word("*.log"), word("c")]);
    assert_eq!(split("it's \"a"), [word("it's"), word("\"a")]);
    assert_eq!(split("\"a\"b c\""), [quoted_word("a\"b c")]);
    assert_eq!(split(" "), []);
}

#[test]
fn only_what_was_not_quoted_is_a_pattern() {
    assert!(word("*.log").is_pattern() && word("a?").is_pattern() && word("[ab]").is_pattern());
    assert!(!quoted_word("*.log").is_pattern() && !word("a.log").is_pattern());
}

#[test]
fn a_shells_quotes_and_tildes_are_not_ours() {
    for name in ["~/\"x\"", "\"x\""] {
        let files = FileArguments::from_words(Words::of(Input::Arguments(&[name.to_owned()])));
        assert_eq!(files.map(|files| files.whole()), Some(PathBuf::from(name)));
    }
}
