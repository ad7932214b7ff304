use qchat_proto::command::Selection;
use qchat_proto::{GroupName, Sequence, Stage, UserName};

use super::*;
use crate::command::history_options::HistoryEnd;
use crate::command::table::COMMANDS;

fn user(name: &str) -> UserName {
    name.parse().unwrap()
}

fn group(name: &str) -> GroupName {
    name.parse().unwrap()
}

fn to_bob(text: &str) -> Command {
    Command::Send {
        to: Address::User(user("bob")),
        text: text.to_owned(),
        wait: WaitOptions::default(),
    }
}

fn password(text: &str) -> Option<Password> {
    Some(Password::try_from(text.to_owned()).unwrap())
}

fn history(log: Log, selection: Selection) -> HistoryArguments {
    HistoryArguments { log, selection, from: None, before: None }
}

#[track_caller]
fn check(line: &str, expected: Command) {
    assert_eq!(parse(Input::line(line)), Ok(expected), "{line:?}");
}

#[track_caller]
fn check_wrong(line: &str, code: &str, part: &str) {
    let wrong = parse(Input::line(line)).unwrap_err();
    assert_eq!(wrong.code().as_str(), code, "{line:?}");
    assert!(wrong.to_string().contains(part), "{line:?}: {wrong}");
}

#[test]
fn a_message_is_the_rest_of_the_line() {
    check("send bob hi", to_bob("hi"));
    check("send bob hi\r\n", to_bob("hi"));
    check("  send\tBob  it's  \"fine\" ", to_bob(" it's  \"fine\" "));
    check("send bob", to_bob(""));
    check("send bob ", to_bob(""));
    check("send bob one\ntwo", to_bob("one\ntwo"));
    check(
        "sendgroup lab --json x",
        Command::Send {
            to: Address::Group(group("lab")),
            text: "--json x".to_owned(),
            wait: WaitOptions::default(),
        },
    );
}

#[test]
fn help_is_asked_for_in_the_place_of_an_argument() {
    for line in ["send --help", "send bob --help", "send --help bob hi", "send @bob  --help "] {
        check(line, Command::Help(Some(Verb::Send)));
    }
    check("ls --help", Command::Help(Some(Verb::Users)));
    check("passwd --help", Command::Help(Some(Verb::ChangePassword)));
    check("inboxgroup --help", Command::Help(Some(Verb::InboxGroup)));
    check("send_file bob --help", Command::Help(Some(Verb::SendFile)));
    check("send bob see --help", to_bob("see --help"));
    check("send bob --help me", to_bob("--help me"));
    check_wrong("xyzzy --help", "unknown_command", "xyzzy");
}

#[test]
fn after_two_dashes_every_word_is_taken_as_it_is() {
    check("send -- bob --help", to_bob("--help"));
    check("send -- bob -", to_bob("-"));
    check("send --  bob -- x", to_bob("-- x"));
    check("send bob -- x", to_bob("-- x"));
    check("ls --", Command::Users);
    check(
        "auth_login -- bob --help",
        Command::Login { user: user("bob"), password: password("--help") },
    );
    check_wrong("send -- --wait read bob hi", "invalid_name", "1 to 32");
    check_wrong("inbox -- --unread", "usage", "--unread");
    check_wrong("auth_logout -- --all", "usage", "--all");
    let files = FileArguments::Rest("-".to_owned());
    let to = Address::User(user("bob"));
    check("send_file -- bob -", Command::SendFile { to, files, wait: WaitOptions::default() });
}

#[test]
fn a_dash_alone_is_standard_input() {
    check("send bob -", Command::FromInput(Box::new(to_bob("-"))));
    for text in ["- x", "--", " -", "- "] {
        check(&format!("send bob {text}"), to_bob(text));
    }
    let file = |line: &str| match parse(Input::line(line)) {
        Ok(Command::FromInput(line)) => matches!(*line, Command::SendFile { .. }),
        _ => false,
    };
    assert!(file("send_file bob -") && file("sendgroup_file lab  - "));
    assert!(!file("send_file bob - x") && !file("send_file bob \"-\"") && !file("download_file -"));
    check_wrong("send_file bob - &", "usage", "background");
}

#[test]
fn a_space_that_separates_nothing_is_seen_in_the_error() {
    let pasted = parse(Input::line("send\u{a0}bob hi")).unwrap_err().to_string();
    let expected =
        "unknown command: send<U+00A0>bob; type a plain space instead; did you mean send?";
    assert_eq!(pasted, expected);
    check_wrong("\u{feff}ls", "unknown_command", "<U+FEFF>ls");
    check_wrong("send bob\u{a0}hi", "invalid_name", "bob<U+00A0>hi");
    check_wrong("inbox --limit\u{2003}5", "usage", "--limit<U+2003>5");
    check("send bob \u{a0}hi", to_bob("\u{a0}hi"));
}

#[test]
fn names_are_taken_as_they_are_printed() {
    check("send @bob hi", to_bob("hi"));
    check("send bob @bob", to_bob("@bob"));
    check("join +lab", Command::Join(group("lab")));
    check("auth_login @bob", Command::Login { user: user("bob"), password: None });
    let from_bob = HistoryArguments {
        from: Some(user("bob")),
        ..history(Log::Inbox, Selection::UnreadAndNewest(20))
    };
    check("inbox --from @bob", Command::History(from_bob));
    let of_lab = history(Log::Group(group("lab")), Selection::UnreadAndNewest(20));
    check("inboxgroup +lab", Command::History(of_lab));
    check_wrong("send +lab hi", "invalid_name", "group");
    check_wrong("sendgroup @bob hi", "invalid_name", "person");
}

#[test]
fn a_message_is_waited_for_by_options_before_its_receiver() {
    let waiting = |stage, seconds: Option<u64>| {
        let limit = seconds.map(std::time::Duration::from_secs);
        let to = Address::User(user("bob"));
        Command::Send { to, text: "--wait read".to_owned(), wait: WaitOptions { stage, limit } }
    };
    check("send bob --wait read", to_bob("--wait read"));
    check("send --wait read bob --wait read", waiting(Stage::Read, None));
    check("send --timeout 5 --wait delivered bob --wait read", waiting(Stage::Delivered, Some(5)));
    check_wrong("send --wait", "usage", "stored, delivered or read");
    check_wrong("send --wait soon bob hi", "usage", "stored, delivered or read");
    check_wrong("send --timeout 0 bob hi", "usage", "seconds");
    check_wrong("send --wait read", "usage", "usage: send USER MESSAGE");
    check_wrong("send --later bob hi", "invalid_name", "1 to 32");
    let file = Command::SendFile {
        to: Address::Group(group("lab")),
        files: FileArguments::Rest("a b".to_owned()),
        wait: WaitOptions { stage: Stage::Read, limit: None },
    };
    check("sendgroup_file --wait read lab a b", file);
}

#[test]
fn only_a_transfer_goes_to_the_background() {
    let film = || Command::SendFile {
        to: Address::User(user("bob")),
        files: FileArguments::Rest("film.mkv".to_owned()),
        wait: WaitOptions::default(),
    };
    check("send_file bob film.mkv", film());
    check("send_file bob film.mkv &", Command::Background(Box::new(film())));
    check("send bob R &", to_bob("R &"));
    let fetch = |name: &str| Command::Download { log: Log::Inbox, name: name.to_owned() };
    check("download_file x &", Command::Background(Box::new(fetch("x"))));
    check("download_file x&", fetch("x&"));
    check("download_file \"x &\"", fetch("x &"));
    check_wrong("send_file bob &", "usage", "usage: send_file USER FILE");
    check_wrong("downloadgroup_file &", "usage", "GROUP NAME");
    check_wrong("send_file --wait read bob x &", "usage", "the prompt tells");
    check("transfers", Command::Transfers);
    check("transfers stop 12", Command::StopTransfer(12));
    check_wrong("transfers stop x", "usage", "transfers [stop N]");
    check_wrong("transfers 1", "usage", "unexpected: 1");
    let words = ["send_file", "bob", "x", "&"].map(str::to_owned);
    assert!(matches!(parse(Input::Arguments(&words)), Ok(Command::SendFile { .. })));
}

#[test]
fn a_password_may_hold_anything_and_may_be_left_out() {
    check("auth_login alice", Command::Login { user: user("alice"), password: None });
    check("auth_login alice ", Command::Login { user: user("alice"), password: None });
    let spaced = password(" a \"b\" ");
    check(
        "auth_register alice  a \"b\" ",
        Command::Register { user: user("alice"), password: spaced },
    );
    check_wrong(&format!("auth_login alice {}", "x".repeat(1025)), "usage", "1024");
    check_wrong("auth_login", "usage", "auth_login USER [PASSWORD]");
}

#[test]
fn two_passwords_are_two_words_and_none_is_repeated_in_an_error() {
    let change = |old: &str, new: &str| {
        let [old, new] = [old, new].map(|text| password(text).unwrap());
        Command::ChangePassword(Some(PasswordChange { old, new }))
    };
    check("passwd", Command::ChangePassword(None));
    check(" passwd  o\"ld'  new ", change("o\"ld'", "new"));
    let words = ["passwd", "old pass", " new"].map(str::to_owned);
    assert_eq!(parse(Input::Arguments(&words)), Ok(change("old pass", " new")));
    for wrong in ["passwd hunter2", "passwd hunter2 hunter3 hunter4"] {
        check_wrong(wrong, "usage", "usage: passwd [OLD NEW]");
        assert!(!parse(Input::line(wrong)).unwrap_err().to_string().contains("hunter"));
    }
}

#[test]
fn sessions_are_listed_and_ended_by_their_ids() {
    check("auth_logout", Command::Logout);
    check("auth_logout --all", Command::LogoutEverywhere);
    check("sessions", Command::Sessions);
    check("sessions revoke 3F9ac01d22b7 ", Command::RevokeSession("3f9ac01d22b7".parse().unwrap()));
    check_wrong("auth_logout all", "usage", "unexpected: all; usage: auth_logout [--all]");
    check_wrong("sessions revoke", "usage", "usage: sessions [revoke ID]");
    check_wrong("sessions revoke 3f9a", "usage", "12 hexadecimal digits");
    check_wrong("sessions revoke 3f9ac01d22b7 3f9ac01d22b8", "usage", "unexpected: 3f9ac01d22b8");
    check_wrong("sessions end", "usage", "unexpected: end");
}

#[test]
fn short_commands_take_nothing_more() {
    check("ls", Command::Users);
    check(" ls_group  ", Command::Groups);
    check("join LAB ", Command::Join(group("lab")));
    check("exit", Command::Quit);
    check("help send", Command::Help(Some(Verb::Send)));
    check_wrong("ls bob", "usage", "unexpected: bob; usage: ls");
    check_wrong("ls --json", "usage", "--json goes before the command");
    check_wrong("join lab x", "usage", "usage: join GROUP");
    check_wrong("mkgr", "usage", "usage: mkgr GROUP");
    check_wrong("send", "usage", "usage: send USER MESSAGE");
    check_wrong("send_file bob", "usage", "usage: send_file USER FILE");
    check_wrong("download_file ", "usage", "usage: download_file NAME");
    check_wrong("downloadgroup_file lab", "usage", "GROUP NAME");
}

#[test]
fn names_outside_the_rules_are_told_the_rule() {
    check_wrong("mkgr .x", "invalid_name", "1 to 32");
    check_wrong("send b/b hi", "invalid_name", "1 to 32");
    check_wrong("inbox --from é", "invalid_name", "1 to 32");
}

#[test]
fn an_unknown_command_is_named_and_the_near_one_suggested() {
    check_wrong("sned bob hi", "unknown_command", "unknown command: sned; did you mean send?");
    check_wrong("help sned", "unknown_command", "did you mean send?");
    let long = parse(Input::line(&"é".repeat(5000))).unwrap_err().to_string();
    assert!(long.len() < 200 && long.ends_with('…'), "{long}");
}

#[test]
fn an_option_where_the_command_should_be_is_called_one() {
    let words = ["--jsn", "ls"].map(str::to_owned);
    let wrong = parse(Input::Arguments(&words)).unwrap_err();
    assert_eq!(wrong.to_string(), "unknown option: --jsn; qchat client --help lists them");
    check_wrong("--jsn ls", "unknown_command", "unknown command: --jsn");
}

#[test]
fn a_history_is_selected_by_its_options() {
    let inbox = |selection| Command::History(history(Log::Inbox, selection));
    check("inbox", inbox(Selection::UnreadAndNewest(20)));
    check("inbox --limit 5", inbox(Selection::Newest(5)));
    check("inbox --unread", inbox(Selection::Unread));
    check("inbox --unread --limit 1", inbox(Selection::NewestUnread(1)));
    let wanted = HistoryArguments {
        from: Some(user("bob")),
        before: Some(HistoryEnd::Sequence(Sequence(41))),
        ..history(Log::Group(group("lab")), Selection::UnreadAndNewest(20))
    };
    check("inboxgroup lab --from bob --before 41", Command::History(wanted));
    check_wrong("inbox --limit 0", "usage", "--limit takes a number from 1");
    check_wrong("inbox --limit", "usage", "--limit takes a value");
    check_wrong("inbox --limit -1", "usage", "number from 1");
    check_wrong("inbox --before x", "usage", "@bob:17");
    check_wrong("inbox bob", "usage", "unexpected: bob");
    check_wrong("inboxgroup", "usage", "inboxgroup GROUP");
}

#[test]
fn the_id_of_another_log_is_refused() {
    let before = |line: &str| match parse(Input::line(line)) {
        Ok(Command::History(history)) => history.before(&user("alice")),
        other => panic!("{other:?}"),
    };
    assert_eq!(before("inbox --before @alice:7"), Ok(Some(Sequence(7))));
    assert_eq!(before("inboxgroup lab --before +lab:7"), Ok(Some(Sequence(7))));
    assert!(before("inbox --before @bob:7").is_err_and(|why| why.contains("to bob")));
    assert!(before("inbox --before +lab:7").is_err_and(|why| why.contains("group lab")));
    assert!(before("inboxgroup lab --before +bus:7").is_err());
}

#[test]
fn every_example_of_the_help_is_a_line_of_its_own_command() {
    for entry in &COMMANDS {
        let command = parse(Input::Line(entry.example)).unwrap();
        assert_eq!(command == Command::Quit, entry.name == "quit", "{}", entry.example);
    }
}
