//! What was acknowledged stays, whatever happens to the server.

use crate::files::{landed, noise, stored};
use crate::harness::{Client, Server, Talk, items, text, texts};

#[test]
fn everything_is_there_after_a_restart() {
    check_restart(|server| server.terminate().start());
}

#[test]
fn everything_is_there_after_the_server_was_killed() {
    check_restart(|server| server.kill9().start());
}

/// Fills a server, stops it and starts it again, and looks at everything.
#[track_caller]
fn check_restart(restart: impl Fn(Server) -> Server) {
    let server = Server::start();
    let fingerprint = server.fingerprint.clone();
    let alice = server.user("alice");
    let bob = server.user("bob");
    alice.write("a.bin", &noise(100_000));
    let sent = alice.lines(&[
        "send bob before",
        "mkgr lab",
        "sendgroup lab before",
        "send_file bob a.bin",
        "sendgroup_file lab a.bin",
        "send alice note",
        "inbox",
    ]);
    bob.ok("join lab");

    let server = restart(server);

    assert_eq!(server.fingerprint, fingerprint);
    let inbox = bob.ok("inbox");
    assert_eq!(inbox["messages"][0]["text"], "before");
    assert_eq!(inbox["messages"][0]["id"], sent[0]["message"]["id"]);
    assert_eq!(inbox["messages"][1]["file"], sent[3]["message"]["file"]);
    let group = bob.ok("inboxgroup lab");
    assert_eq!(items(&group["messages"]).len(), 2);
    let fetched = bob.ok(&format!("downloadgroup_file lab {}", stored(&sent[4])));
    assert_eq!(std::fs::read(landed(&bob, &fetched)).unwrap(), noise(100_000));
    // Read stays read, members stay members, and numbers go on where they were.
    assert_eq!(texts(&alice.ok("inbox --unread")), Vec::<&str>::new());
    assert_eq!(alice.ok("ls_group")["groups"][0]["members"], 2);
    let next = alice.ok("send bob after");
    assert_eq!(text(&next["message"]["id"]), "@bob:3");
    assert_eq!(alice.refused("mkgr lab"), "group_exists");
}

#[test]
fn a_stop_says_goodbye_to_who_is_there() {
    let server = Server::start();
    let mut alice = server.user("alice").talk();
    alice.ok("send alice hi");
    let stopped = server.terminate();
    drop(alice);
    let server = stopped.start();
    assert_eq!(texts(&server.client_of("alice").ok("inbox")), ["hi"]);
}

const SENDS: usize = 1_000;

/// How many answers are waited for before the server is killed.
const BEFORE_THE_KILL: usize = 300;

/// Sends numbered messages until the server is killed in the middle, and returns how many were
/// acknowledged.
fn send_until_killed(mut talk: Talk, line: &str, kill: impl FnOnce()) -> usize {
    for number in 0..SENDS {
        talk.tell(&format!("{line} {number}"));
    }
    for number in 0..BEFORE_THE_KILL {
        let answer = talk.answer().expect("the client is there");
        assert_eq!(answer["ok"], true, "{number}: {answer}");
    }
    kill();
    // What else the server had said before it died; the rest waits for a server that is gone.
    talk.kill();
    let mut acknowledged = BEFORE_THE_KILL;
    for _ in BEFORE_THE_KILL..SENDS {
        match talk.answer() {
            Some(answer) if answer["ok"] == true => acknowledged += 1,
            _ => break,
        }
    }
    acknowledged
}

/// Checks that all acknowledged messages are there, once and in order, and at most the one that was
/// on its way besides.
#[track_caller]
fn check_kept(reader: &Client, line: &str, acknowledged: usize) {
    let answer = reader.ok(line);
    let kept = texts(&answer);
    let expected: Vec<_> = (0..kept.len()).map(|number| number.to_string()).collect();
    assert_eq!(kept, expected);
    assert!(kept.len() >= acknowledged, "{} of {acknowledged} are left", kept.len());
    assert!(kept.len() <= acknowledged + 1, "{} where {acknowledged} were said", kept.len());
    assert!(kept.len() < SENDS, "the server was killed in the middle");
}

#[test]
fn kill_9_in_the_middle_of_1000_sends_loses_nothing_acknowledged() {
    let server = Server::start();
    let alice = server.user("alice");
    let bob = server.user("bob");
    let mut stopped = None;
    let acknowledged =
        send_until_killed(alice.talk(), "send bob", || stopped = Some(server.kill9()));
    let _server = stopped.unwrap().start();
    check_kept(&bob, "inbox", acknowledged);
}

#[test]
fn kill_9_in_the_middle_of_a_groups_talk_loses_nothing_acknowledged() {
    let server = Server::start();
    let alice = server.user("alice");
    alice.ok("mkgr lab");
    let mut stopped = None;
    let acknowledged =
        send_until_killed(alice.talk(), "sendgroup lab", || stopped = Some(server.kill9()));
    let _server = stopped.unwrap().start();
    check_kept(&alice, "inboxgroup lab --limit 1000", acknowledged);
}

#[test]
fn a_server_killed_while_it_takes_a_file_has_the_file_whole_or_not_at_all() {
    let server = Server::start();
    let alice = server.user("alice");
    alice.write("film.mkv", &noise(32 * 1024 * 1024));
    let mut talk = alice.talk();
    talk.ok("ls");
    talk.tell("send_file alice film.mkv");
    // In the middle of it: as soon as some of the file lies there.
    let upload = server.folder().join("upload");
    let until = std::time::Instant::now() + crate::harness::DEADLINE;
    while !has_bytes(&upload) {
        assert!(std::time::Instant::now() < until, "nothing of the file arrives");
        std::thread::yield_now();
    }
    let stopped = server.kill9();
    drop(talk);
    let server = stopped.start();
    let inbox = alice.ok("inbox");
    let told = items(&inbox["messages"]).len();
    // No leftovers, and no message without its file.
    assert_eq!(server.uploads().len(), told, "{:?}", server.uploads());
    for message in items(&inbox["messages"]) {
        let file = upload.join(text(&message["file"]["name"]));
        assert_eq!(crate::harness::hash(&file), text(&message["file"]["blake3"]));
    }
    alice.ok("send_file alice film.mkv");
}

/// Whether a part of a file has arrived.
pub(crate) fn has_bytes(folder: &std::path::Path) -> bool {
    let sizes = crate::harness::files_below(folder);
    sizes.iter().any(|file| file.metadata().is_ok_and(|metadata| metadata.len() > 1_000_000))
}
