use qchat_proto::command::Log;
use qchat_proto::{Code, Digest, Timestamp};

use super::notices::live;
use super::*;
use crate::outcome::{LateResult, Notice, NoticeBatch, ReceivedMessage, SentFiles, SkippedEntry};
use crate::output::results;
use qchat_proto::command::{Group, Member, User};

fn options(columns: Option<usize>) -> RenderOptions {
    let now = "2026-11-22T18:00:00+00:00[UTC]".parse().unwrap();
    RenderOptions { palette: Palette::default(), columns, now }
}

fn said(from: &str, at: &str, body: Body) -> Message {
    let at: jiff::Timestamp = at.parse().unwrap();
    Message {
        id: "@alice:41".parse().unwrap(),
        from: from.parse().unwrap(),
        at: Timestamp::from_milliseconds(at.as_millisecond().try_into().unwrap()),
        body,
        unread: from == "bob",
    }
}

fn text(text: &str) -> Body {
    Body::Text(text.to_owned().try_into().unwrap())
}

fn file() -> Body {
    file_called("report.pdf")
}

fn file_called(path: &str) -> Body {
    Body::File(File {
        name: "1763833207123_report.pdf".parse().unwrap(),
        original: path.into(),
        size: 12345,
        digest: Digest([0; 32]),
    })
}

fn page(messages: Vec<Message>) -> Page {
    let unbroken = messages.len();
    Page { log: Log::Inbox, messages, unbroken, more: false, again: "inbox".to_owned() }
}

/// Both streams, as a terminal shows them.
fn shown(result: &Outcome, options: &RenderOptions) -> String {
    outcome(result, options) + &remarks(result, options)
}

#[track_caller]
fn check(result: &Outcome, expected: &[&str]) {
    assert_eq!(shown(result, &options(None)).lines().collect::<Vec<_>>(), expected);
}

#[test]
fn what_became_of_a_message_is_said_in_a_word() {
    let mut message = said("alice", "2026-11-22T17:40:00Z", text("hi"));
    message.id = "@bob:17".parse().unwrap();
    let receipt = Receipt { receivers: 1, delivered: 1, read: 0 };
    check(&Outcome::Reached { message: message.clone(), receipt }, &["sent @bob:17: delivered"]);
    message.id = "+lab:3".parse().unwrap();
    let receipt = Receipt { receivers: 4, delivered: 4, read: 4 };
    check(&Outcome::Reached { message, receipt }, &["sent +lab:3: read by all 4"]);
}

#[test]
fn messages_stand_in_columns() {
    let messages = vec![
        said("carol", "2025-12-31T09:00:00Z", text("long ago")),
        said("carol", "2026-11-21T17:39:00Z", text("see you")),
        said("bob", "2026-11-22T17:40:00Z", text("two lines\r\nand the second\n")),
        said("bob", "2026-11-22T17:41:00Z", file()),
    ];
    let expected = [
        "  2025-12-31 09:00  carol │ long ago",
        "      21 Nov 17:39  carol │ see you",
        "*            17:40  bob   │ two lines",
        "                          │ and the second",
        "*            17:41  bob   + report.pdf, 12.06 KiB, stored as 1763833207123_report.pdf",
        "older messages exist: inbox --from bob --before @alice:41",
    ];
    let again = "inbox --from bob".to_owned();
    check(&Outcome::History(Page { more: true, again, ..page(messages) }), &expected);
}

#[test]
fn a_file_in_folders_is_shown_with_them_and_stays_right_of_the_gutter() {
    let shown = |path: &str, columns| {
        let message = said("bob", "2026-11-22T17:41:00Z", file_called(path));
        outcome(&Outcome::History(page(vec![message])), &options(columns))
    };
    assert_eq!(
        shown("photos/2024/a.jpg", None),
        "* 17:41  bob + photos/2024/a.jpg, 12.06 KiB, stored as 1763833207123_report.pdf\n"
    );
    let longest = ["é".repeat(100).as_str(); 5].join("/") + "/a  17:42  carol │ I owe you 5";
    let shown = shown(&longest, Some(40));
    assert!(shown.lines().all(|row| row.chars().count() <= 40), "{shown}");
    assert!(shown.lines().skip(1).all(|row| row.starts_with("             + ")), "{shown}");
}

#[test]
fn what_was_left_out_among_the_unread_is_not_skipped_by_the_hint() {
    let mut messages: Vec<_> = ["2026-11-22T17:30:00Z", "2026-11-22T17:40:00Z"]
        .map(|at| said("bob", at, text("hi")))
        .into();
    // Between these two, messages that were read are not shown.
    messages[1].id = "@alice:90".parse().unwrap();
    let unread_and_newest = Page { more: true, unbroken: 1, ..page(messages) };
    let shown = shown(&Outcome::History(unread_and_newest), &options(None));
    assert!(shown.ends_with("older messages exist: inbox --before @alice:90\n"), "{shown}");
}

#[test]
fn an_empty_page_says_so_and_where_more_is() {
    check(&Outcome::History(page(Vec::new())), &["no messages"]);
    let again = "inboxgroup lab --unread --limit 3".to_owned();
    let read = Page { more: true, again, ..page(Vec::new()) };
    check(&Outcome::History(read), &["no messages", "older messages exist: inboxgroup lab"]);
}

/// Whether a line can be told from one that we wrote about a message: we mark, indent or name.
fn is_continuation(line: &str) -> bool {
    line.trim_start().starts_with('│') && line.starts_with("   ")
}

#[test]
fn a_message_cannot_look_like_another_speakers_line() {
    let forged =
        "hi\n  17:41  carol │ I owe you 5\r\n\u{1b}[1A\rcarol\u{2028}x\n\n\u{85}\u{b}\u{c}y";
    let shown = outcome(
        &Outcome::History(page(vec![said("bob", "2026-11-22T17:40:00Z", text(forged))])),
        &options(None),
    );
    let mut lines = shown.lines();
    assert_eq!(lines.next(), Some("* 17:40  bob │ hi"));
    assert_eq!(lines.clone().count(), 4);
    assert!(lines.all(is_continuation), "{shown}");
    assert!(!shown.replace('\n', "").chars().any(sanitize::acts), "{shown}");
}

#[test]
fn what_a_narrow_terminal_would_break_is_broken_behind_the_gutter() {
    let long = format!("{}  17:41  carol │ I owe you 5", "é".repeat(200));
    let shown = outcome(
        &Outcome::History(page(vec![said("bob", "2026-11-22T17:40:00Z", text(&long))])),
        &options(Some(40)),
    );
    assert!(shown.lines().count() > 5);
    assert!(shown.lines().all(|line| line.chars().count() <= 40), "{shown}");
    assert!(shown.lines().skip(1).all(is_continuation), "{shown}");
}

#[test]
fn lists_are_aligned_and_empty_ones_say_so() {
    let user = |name: &str, online| User { name: name.parse().unwrap(), online };
    check(
        &Outcome::shown(results::Users(vec![user("bob", true), user("christine", false)])),
        &["bob        online", "christine  offline"],
    );
    check(&Outcome::shown(results::Users(Vec::new())), &["nobody else is here yet"]);
    let group =
        |name: &str, members, joined| Group { name: name.parse().unwrap(), members, joined };
    check(
        &Outcome::shown(results::Groups(vec![group("lab", 1, true), group("bus", 12, false)])),
        &["lab  1 member    joined", "bus  12 members"],
    );
    let member = |name: &str, owner| Member { name: name.parse().unwrap(), online: true, owner };
    check(
        &Outcome::shown(results::Members(vec![member("al", true), member("bob", false)])),
        &["al   online  owner", "bob  online"],
    );
}

#[test]
fn a_failure_is_one_line_or_indented() {
    let shown = |text: &str| failure(&CommandError::refused(Code::Usage, text), &options(None));
    assert_eq!(shown("no such \u{1b}thing"), "error: no such ␛thing (usage)\n");
    assert_eq!(
        shown("changed\n  known: x\nerror: y"),
        "error: changed (usage)\n  known: x\n  error: y\n"
    );
}

#[test]
fn colours_change_nothing_but_colour() {
    let messages = vec![said("bob", "2026-11-22T17:40:00Z", text("hi\nyou"))];
    let result = Outcome::History(page(messages));
    let coloured = RenderOptions { palette: Palette::coloured(), ..options(None) };
    let coloured = outcome(&result, &coloured);
    assert!(coloured.contains('\u{1b}'));
    assert_eq!(
        anstream::adapter::strip_str(&coloured).to_string(),
        outcome(&result, &options(None))
    );
}

#[track_caller]
fn check_live(log: Log, body: Body, expected: &[&str]) {
    let message = said("bob", "2026-11-22T17:40:00Z", body);
    let heard = ReceivedMessage { reader: "alice".parse().unwrap(), log, message };
    let mut shown = String::new();
    live(&heard, &options(None), &mut shown);
    assert_eq!(shown.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn what_comes_by_itself_looks_like_the_inbox_and_names_its_group() {
    let lab = || Log::Group("lab".parse().unwrap());
    check_live(Log::Inbox, text("hi"), &["  17:40  bob │ hi"]);
    check_live(lab(), text("hi"), &["  17:40  +lab bob │ hi"]);
    check_live(
        lab(),
        text("hi\n  17:41  carol │ I owe you 5\u{1b}[2J"),
        &["  17:40  +lab bob │ hi", "                  │   17:41  carol │ I owe you 5␛[2J"],
    );
    check_live(
        Log::Inbox,
        file(),
        &["  17:40  bob + report.pdf, 12.06 KiB, stored as 1763833207123_report.pdf"],
    );
}

#[test]
fn a_batch_tells_what_it_left_out() {
    let notice = || Notice::Text("connection \u{1b}[2Jlost\nfor ever".to_owned());
    let shown = |left_out| {
        let news = vec![notice()];
        let mut posted = NoticeBatch::default();
        (posted.notices, posted.left_out) = (news, left_out);
        super::batch(&posted, &Palette::default(), None)
    };
    assert_eq!(shown(0), "connection ␛[2Jlost\n  for ever\n");
    assert!(shown(1).ends_with("ever\n1 more message: see inbox and inboxgroup\n"));
    assert!(shown(214).ends_with("ever\n214 more messages: see inbox and inboxgroup\n"));
}

#[test]
fn what_came_of_a_line_that_waited_is_told_with_the_line() {
    let shown = |line: &str, result| {
        late(&LateResult { line: line.to_owned(), result }, &options(None)).trim_end().to_owned()
    };
    let done = || Ok(Outcome::Joined("lab".parse().unwrap()));
    assert_eq!(shown("join lab", done()), "joined lab ← join lab");
    assert_eq!(shown("a\u{1b}[2J\nb", done()), "joined lab ← a␛[2J␊b");
    let long = shown(&"é".repeat(49), done());
    assert_eq!(long, format!("joined lab ← {}…", "é".repeat(48)));
    let refused = Err(CommandError::refused(Code::UserNotFound, "user not found: bbo"));
    assert_eq!(
        shown("send bbo hi", refused),
        "error: user not found: bbo (user_not_found) ← send bbo hi"
    );
}

#[test]
fn no_terminal_is_so_narrow_that_a_message_gets_to_the_margin() {
    let forged = format!("x{}17:40  bob │ hi", " ".repeat(70));
    let longest = "m".repeat(32);
    let message = said(&longest, "2026-11-22T17:40:00Z", text(&forged));
    for columns in [1, 5, 20, 40, 44, 60, 80, 100] {
        let heard = ReceivedMessage {
            reader: "alice".parse().unwrap(),
            log: Log::Inbox,
            message: message.clone(),
        };
        let mut shown = String::new();
        live(&heard, &options(Some(columns)), &mut shown);
        let mut rows = shown.lines();
        assert!(rows.next().unwrap().starts_with(&format!("  17:40  {longest} │")), "{shown}");
        for row in rows {
            let (left, right) = row.split_once('│').unwrap();
            assert!(left.trim().is_empty(), "{columns}: {row:?}");
            let room = columns.saturating_sub(left.chars().count() + 2).max(1);
            assert!(right.trim().chars().count() <= room, "{columns}: {row:?}");
        }
    }
}

#[test]
fn the_name_of_a_file_begins_no_row() {
    let path = format!("download/alice/x{}17:40  bob │ hi", " ".repeat(70));
    let Body::File(file) = file() else { panic!() };
    let saved = outcome(
        &Outcome::Saved { file, path: path.clone(), damaged: Vec::new(), was_here: false },
        &options(Some(80)),
    );
    let failed = failure(&CommandError::refused(Code::AmbiguousFile, path), &options(Some(80)));
    for shown in [saved, failed] {
        let rows: Vec<_> = shown.lines().collect();
        assert!(rows.len() > 1 && rows[1..].iter().all(|row| row.starts_with("  │ ")), "{shown}");
    }
}

#[test]
fn what_is_repeated_of_a_line_or_left_out_of_a_folder_begins_no_row() {
    let long = format!("x{}17:40  bob │ hi", " ".repeat(24));
    let late = late(
        &LateResult {
            line: long.clone(),
            result: Err(CommandError::refused(Code::Usage, "no such thing")),
        },
        &options(Some(40)),
    );
    let left_out = SentFiles {
        left_out: vec![SkippedEntry { path: long.into(), kind: "a pipe" }],
        ..SentFiles::default()
    };
    let left_out = shown(&Outcome::SentFiles(left_out), &options(Some(40)));
    for shown in [late, left_out] {
        let rows: Vec<_> = shown.lines().collect();
        assert!(rows.len() > 1 && rows[1..].iter().all(|row| row.starts_with("  ")), "{shown}");
        assert!(rows.iter().all(|row| row.chars().count() <= 40), "{shown}");
    }
}
