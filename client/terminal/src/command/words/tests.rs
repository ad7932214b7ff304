use super::*;

#[test]
fn words_are_separated_by_runs_and_the_rest_by_one() {
    let mut words = Words::of(Input::line(" \tsend  bob  it's  \"fine\" \r\n"));
    assert_eq!((words.next(), words.next()), (Some("send"), Some("bob")));
    assert_eq!(words.rest().as_deref(), Some(" it's  \"fine\" "));

    let mut words = Words::of(Input::line("send bob \r\r\n"));
    assert_eq!((words.next(), words.next()), (Some("send"), Some("bob")));
    assert_eq!(words.rest().as_deref(), Some("\r"));

    let mut words = Words::of(Input::line("ls"));
    assert_eq!((words.next(), words.next()), (Some("ls"), None));
    assert_eq!(words.rest(), None);
}

#[test]
fn arguments_are_taken_as_they_are() {
    let arguments = ["send", "bob", "a  b", "", "c\n"].map(str::to_owned);
    let mut words = Words::of(Input::Arguments(&arguments));
    assert_eq!((words.next(), words.next()), (Some("send"), Some("bob")));
    assert_eq!(words.rest().as_deref(), Some("a  b  c\n"));
    let words = Words::of(Input::Arguments(&arguments[5..]));
    assert_eq!(words.rest(), None);
}

#[track_caller]
fn check_path(rest: &str, expected: Option<&str>) {
    let path = Words::of(Input::Line(rest)).rest_unquoted();
    let path = path.map(|text| expanded(&text, Some(Path::new("/home/al"))));
    assert_eq!(path, expected.map(PathBuf::from), "{rest:?}");
}

#[test]
fn a_file_loses_one_pair_of_quotes_and_its_tilde() {
    check_path(" a b.txt", Some("a b.txt"));
    check_path(" \"a b.txt\"", Some("a b.txt"));
    check_path(" ''a''", Some("'a'"));
    check_path(" \"a'", Some("\"a'"));
    check_path(" \"", Some("\""));
    check_path(" ~/x", Some("/home/al/x"));
    check_path(" \"~/x y\"", Some("/home/al/x y"));
    check_path(" ~bob/x", Some("~bob/x"));
    check_path(" ", None);
    check_path(" \"\"", None);
}

#[track_caller]
fn check_ampersand(rest: &str, left: Option<&str>) {
    let mut words = Words::of(Input::Line(rest));
    assert_eq!(words.take_ampersand(), left.is_some(), "{rest:?}");
    assert_eq!(words.rest().as_deref(), left.or(rest.get(1..)), "{rest:?}");
}

#[test]
fn an_ampersand_that_stands_alone_at_the_end_is_none_of_the_name() {
    check_ampersand(" film.mkv &", Some("film.mkv"));
    check_ampersand(" a b  & \t", Some("a b"));
    check_ampersand(" \"R & D\" &", Some("\"R & D\""));
    check_ampersand(" R&", None);
    check_ampersand(" R & D", None);
    check_ampersand(" \"x &\"", None);
}
