//! Hostile texts in a terminal, both as they arrive and when they are read again.

use std::num::NonZeroU16;

use qchat_client::{Address, MessageText, Progress};

use crate::corpus;
use crate::harness::{Client, Screen, Server, sdk};
use crate::prompt::live::knock;

/// The columns of a [`Screen`], and more rows than any output here.
const COLUMNS: u16 = 100;
const ROWS: u16 = 8_000;

/// The number of messages that are sent together, which is below the limit of waiting messages at a prompt.
const AT_ONCE: usize = 128;

/// The attacks. Each is between two words, which show whether the whole text was printed.
pub(crate) fn attacks() -> Vec<String> {
    let attacks = corpus::read(include_str!("../corpus/attacks.txt")).into_iter().enumerate();
    attacks
        .map(|(number, attack)| {
            let attack = String::from_utf8(attack).unwrap();
            format!("from{number}{attack}to{number}")
        })
        .collect()
}

/// Sends the texts in order.
async fn send(mallory: &qchat_client::Client, to: &Address, texts: &[String]) {
    for text in texts {
        let text = MessageText::try_from(text.clone()).unwrap();
        mallory.send(to.clone(), text).await.unwrap();
    }
}

/// The escape sequences that the line editor and the colors of the client write. All others come from a
/// sender.
const OWN: &[&str] = &[
    // Bracketed paste mode, and synchronized output.
    "\u{1b}[?2004h",
    "\u{1b}[?2004l",
    "\u{1b}[?2026h",
    "\u{1b}[?2026l",
    "\u{1b}[K",
    "\u{1b}[J",
    "\u{1b}[0m",
    "\u{1b}[1m",
    "\u{1b}[2m",
    "\u{1b}[31m",
    "\u{1b}[33m",
    "\u{1b}[36m",
];

/// The sequence that clears a progress bar.
const CLEAR: &str = "\u{1b}[2K";

/// A move of the cursor in a row, `\u{1b}[17C`, which only the line editor writes.
fn is_move(text: &str) -> Option<&str> {
    let rest =
        text.strip_prefix("\u{1b}[")?.trim_start_matches(|digit: char| digit.is_ascii_digit());
    rest.strip_prefix(['A', 'B', 'C', 'D'])
}

/// Checks that the output contains no control sequences except those of the client.
#[track_caller]
pub(crate) fn check_bytes(written: &[u8], own: &[&str]) {
    let text = std::str::from_utf8(written).unwrap();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let ours = own.iter().find_map(|own| rest.strip_prefix(own));
        if let Some(after) = ours.or_else(|| is_move(rest).filter(|_| !own.is_empty())) {
            rest = after;
            continue;
        }
        let acts = match character {
            '\r' | '\n' => false,
            '\u{200b}'..='\u{200c}' | '\u{200e}'..='\u{200f}' => true,
            '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{ad}' => true,
            '\u{e0000}'..='\u{e007f}' => true,
            _ => character.is_control(),
        };
        let place = text.len() - rest.len();
        let before: String = text[..place].chars().rev().take(60).collect();
        let before: String = before.chars().rev().collect();
        let from: String = rest.chars().take(12).collect();
        assert!(!acts, "{from:?} was written behind {before:?}");
        rest = &rest[character.len_utf8()..];
    }
}

/// The rows on a terminal with many rows.
pub(crate) fn rows(written: &[u8]) -> Vec<String> {
    let (rows, columns) = (NonZeroU16::new(ROWS).unwrap(), NonZeroU16::new(COLUMNS).unwrap());
    let mut terminal = vt100::Parser::new(rows, columns, 0);
    terminal.process(written);
    let shown = terminal.screen().rows(0, COLUMNS).map(|row| row.trim_end().to_owned());
    shown.filter(|row| !row.is_empty()).collect()
}

/// Whether a row is part of a long plain word, which the terminal breaks. The line of a sender and an error
/// always contain a space.
pub(crate) fn is_of_word(row: &str) -> bool {
    row.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Checks that the left margin never has a sender's text: it is empty, or has the name of the sender. Rows
/// that begin with one of `ours` have no margin. Returns the number of senders' names.
#[track_caller]
fn check_rows(rows: &[String], speaker: &str, ours: &[&str]) -> usize {
    let mut speaks = 0;
    let is_ours = |row: &str| ours.iter().any(|ours| row.starts_with(ours));
    for row in rows.iter().filter(|row| !is_ours(row) && !is_of_word(row)) {
        let Some(gutter) =
            row.find(['│', '+']).map(|first| match row[first..].starts_with("+lab") {
                // The name of the group is before the name of the sender.
                true => first + 1 + row[first + 1..].find(['│', '+']).unwrap_or(0),
                false => first,
            })
        else {
            panic!("nothing separates a sender's text from ours: {row:?}");
        };
        let left = row[..gutter].trim_end();
        assert!(left.is_empty() || left.ends_with(speaker), "who speaks here? {row:?}");
        speaks += usize::from(!left.is_empty());
    }
    speaks
}

/// Checks that a text is complete, from its first word to its last.
#[track_caller]
fn check_all_shown(written: &[u8], count: usize) {
    let mut text = String::from_utf8(written.to_vec()).unwrap();
    for own in OWN {
        text = text.replace(own, "");
    }
    // A word may be broken at the end of a row.
    text.retain(|character| !"\r\n │".contains(character));
    for number in 0..count {
        assert!(text.contains(&format!("from{number}")), "{number} does not begin");
        assert!(text.contains(&format!("to{number}")), "{number} does not end");
    }
}

/// The bytes that a program writes to a terminal until it ends.
pub(crate) fn written_by(client: &Client, arguments: &[&str]) -> Vec<u8> {
    let screen = Screen::open(client, arguments);
    screen.ended();
    screen.bytes()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attacks_in_the_history_reach_no_terminal() {
    let server = Server::start();
    let alice = server.user("alice");
    alice.ok("ls");
    let mallory = sdk::device(&server, "mallory").await;
    let attacks = attacks();
    send(&mallory, &sdk::user("alice"), &attacks).await;
    let last = attacks.len() - 1;

    let screen = Screen::open(&alice, &["listen"]);
    screen.wrote(&format!("to{last}"));
    let listened = screen.bytes();
    drop(screen);
    check_bytes(&listened, &[]);
    check_all_shown(&listened, attacks.len());
    assert_eq!(check_rows(&rows(&listened), "mallory", &[]), attacks.len());

    let read = written_by(&alice, &["inbox", "--limit", "1000"]);
    check_bytes(&read, &[]);
    check_all_shown(&read, attacks.len());
    assert_eq!(check_rows(&rows(&read), "mallory", &[]), attacks.len());

    // For scripts every text is exact, but without control sequences for the terminal.
    let json = written_by(&alice, &["--json", "inbox", "--limit", "1000"]);
    check_bytes(&json, &[]);
    let answer = alice.ok("inbox --limit 1000");
    assert_eq!(crate::harness::texts(&answer), attacks);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attacks_that_arrive_at_the_prompt_reach_no_terminal() {
    let server = Server::start();
    let alice = server.user("alice");
    alice.ok("ls");
    let mallory = sdk::device(&server, "mallory").await;
    mallory.make_group("lab".parse().unwrap()).await.unwrap();
    alice.ok("join lab");
    let screen = Screen::open(&alice, &[]);
    knock(&server.client_of("mallory"), "alice", &screen);
    let attacks = attacks();
    for (number, some) in attacks.chunks(AT_ONCE).enumerate() {
        send(&mallory, &sdk::group("lab"), some).await;
        let last = number * AT_ONCE + some.len() - 1;
        screen.wrote(&format!("to{last}"));
    }
    screen.prompts("alice");
    let live = screen.bytes();
    drop(screen);
    check_bytes(&live, OWN);
    check_all_shown(&live, attacks.len());
    let ours = ["alice@", "connected to "];
    let mut shown = rows(&live);
    shown.retain(|row| !row.ends_with("mallory │ knock"));
    assert_eq!(check_rows(&shown, "mallory", &ours), attacks.len());

    let read = written_by(&alice, &["inboxgroup", "lab", "--limit", "1000"]);
    check_bytes(&read, &[]);
    check_all_shown(&read, attacks.len());
    assert_eq!(check_rows(&rows(&read), "mallory", &[]), attacks.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn file_names_reach_no_terminal_unfiltered_and_begin_no_line() {
    let server = Server::start();
    let alice = server.user("alice");
    alice.ok("ls");
    let mallory = sdk::device(&server, "mallory").await;
    let folder = tempfile::tempdir().unwrap();
    let mut names: Vec<String> = attacks().into_iter().step_by(12).collect();
    names.retain(|name| name.len() < 200 && !name.contains(['/', '\0']));
    // On a row of 100 columns, each of these begins a new row somewhere.
    let padded = |width: usize| format!("x{}  17:40  bob │ pay me", " ".repeat(width));
    names.extend((20..100).step_by(9).map(padded));
    let twice = format!("y{}  17:40  bob │ pay me", " ".repeat(80));
    names.extend([twice.clone(), twice.clone()]);
    for name in &names {
        let path = folder.path().join(name);
        std::fs::write(&path, "").unwrap();
        mallory.send_file(sdk::user("alice"), &path, Progress::none()).await.unwrap();
    }
    let read = written_by(&alice, &["inbox", "--limit", "1000"]);
    check_bytes(&read, &[]);
    assert_eq!(check_rows(&rows(&read), "mallory", &[]), names.len());
    // The names in the result of a download, and in an error.
    for name in [padded(74), padded(83), twice] {
        let answer = written_by(&alice, &["-c", &format!("download_file {name}")]);
        // A progress bar may have been drawn.
        check_bytes(&answer, &[OWN, &[CLEAR]].concat());
        assert_eq!(check_rows(&rows(&answer), "nobody", &["saved ", "error: "]), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_name_of_a_file_in_a_progress_bar_stays_in_its_row() {
    let server = Server::start();
    let alice = server.user("alice");
    alice.ok("ls");
    let mallory = sdk::device(&server, "mallory").await;
    let folder = tempfile::tempdir().unwrap();
    // A name as wide as a row: the text after it would begin the next row.
    let name = format!("{}bob │ pay me", "日".repeat(50));
    let path = folder.path().join(&name);
    std::fs::File::create(&path).unwrap().set_len(48 * 1024 * 1024).unwrap();
    mallory.send_file(sdk::user("alice"), &path, Progress::none()).await.unwrap();
    let mut screen = Screen::open(&alice, &[]);
    screen.prompts("alice");
    screen.press(&format!("download_file {name}\r"));
    screen.wrote("saved ");
    screen.prompts("alice");
    screen.enter("transfers");
    screen.prompts("alice");
    let written = screen.bytes();
    check_bytes(&written, &[OWN, &[CLEAR]].concat());
    let text = String::from_utf8(written).unwrap();
    let bars: Vec<_> = text.split('\r').filter(|row| row.contains(" of 48.00 MiB")).collect();
    assert!(!bars.is_empty(), "no bar is drawn");
    for bar in bars {
        let (name, _) = bar.split_once('\u{1b}').unwrap();
        assert!(name.chars().count() + name.matches('日').count() <= 33, "{name:?}");
    }
    let saved = rows(text.rsplit_once(CLEAR).unwrap().1.as_bytes());
    let saved = saved.iter().skip_while(|row| !row.starts_with("saved"));
    let saved: Vec<_> = saved.take_while(|row| !row.starts_with("alice@")).collect();
    assert!(
        saved.len() > 1 && saved[1..].iter().all(|row| row.starts_with("  │ ")),
        "{saved:?} of {text:?}"
    );
}
