//! Lines that are typed while the server cannot be reached: they are saved, and sent once and in order later.

use crate::harness::{Client, PASSWORD, Screen, Server, UdpRelay, items, text, texts, until};

const ONLINE: &str = "alice@127.0.0.1> ";

/// Alice at her prompt, with a saved session, and bob.
struct OfflinePrompt {
    server: Server,
    alice: Client,
    bob: Client,
    screen: Screen,
}

fn prompt() -> OfflinePrompt {
    let server = Server::start();
    let (alice, bob) = (server.user("alice"), server.user("bob"));
    let screen = open(&alice);
    OfflinePrompt { server, alice, bob, screen }
}

fn open(alice: &Client) -> Screen {
    alice.ok("ls");
    let screen = Screen::open(alice, &[]);
    screen.prompts(ONLINE.trim_end());
    screen
}

/// Enters lines that must wait.
#[track_caller]
fn enter_offline(screen: &mut Screen, lines: &[&str]) {
    for (number, line) in lines.iter().enumerate() {
        screen.enter(line);
        screen.prompts(&format!("{} waiting)>", number + 1));
    }
}

#[track_caller]
fn check_inbox(bob: &Client, expected: &[&str]) {
    assert_eq!(texts(&bob.ok("inbox --limit 1000")), expected);
}

#[track_caller]
fn check_once(shown: &str, text: &str) {
    assert_eq!(shown.matches(text).count(), 1, "{text} in:\n{shown}");
}

#[test]
fn lines_typed_while_the_server_is_down_are_sent_once_and_in_order() {
    let OfflinePrompt { server, alice: _alice, bob, mut screen } = prompt();
    let stopped = server.kill9();
    screen.shows("connection lost; trying again");
    screen.prompts("(offline)>");
    enter_offline(&mut screen, &["send bob one", "send bob two", "send bob three"]);
    screen.prompts("alice@127.0.0.1 (offline, 3 waiting)>");
    let _server = stopped.start();
    // The prompt may say first that no line waits any more.
    screen.shows("sent @bob:3");
    let shown = screen.prompts(ONLINE.trim_end());
    for (number, text) in ["one", "two", "three"].iter().enumerate() {
        check_once(&shown, &format!("sent @bob:{} ← send bob {text}", number + 1));
    }
    check_inbox(&bob, &["one", "two", "three"]);
    screen.enter("send bob four");
    screen.shows("sent @bob:4");
    check_inbox(&bob, &["one", "two", "three", "four"]);
}

#[test]
fn the_prompt_changes_around_a_partly_typed_line() {
    let OfflinePrompt { server, alice: _alice, bob, mut screen } = prompt();
    let digits = "0123456789".repeat(25);
    let (begun, rest) = digits.split_at(digits.len() - 5);
    let before = format!("send bob {begun}");
    screen.press(&before);
    screen.press(rest);
    screen.press(&"\u{1b}[D".repeat(rest.len()));
    screen.half_typed(ONLINE, [&before, rest]);
    let stopped = server.terminate();
    let shown = screen.half_typed("alice@127.0.0.1 (offline)> ", [&before, rest]);
    check_once(&shown, "send bob");
    // The prompt has changed since this message, without an empty row.
    let above = "connection lost; trying again\nalice@127.0.0.1 (offline)> send bob";
    assert!(shown.contains(above), "{shown}");
    screen.press("X");
    let before = before + "X";
    screen.half_typed("alice@127.0.0.1 (offline)> ", [&before, rest]);
    let _server = stopped.start();
    let shown = screen.half_typed(ONLINE, [&before, rest]);
    check_once(&shown, "send bob");
    screen.press("\u{7f}Y\r");
    screen.shows("sent @bob:1");
    check_inbox(&bob, &[&format!("{begun}Y{rest}")]);
}

#[test]
fn the_prompt_shows_the_connection_also_for_a_signed_out_user() {
    let server = Server::start();
    let mut screen = Screen::open(&server.visitor(), &[]);
    screen.prompts("");
    screen.press("auth_login ali");
    screen.half_typed("127.0.0.1> ", ["auth_login ali", ""]);
    let _stopped = server.terminate();
    screen.half_typed("127.0.0.1 (offline)> ", ["auth_login ali", ""]);
}

#[test]
fn a_line_whose_answer_was_lost_with_the_connection_is_sent_once() {
    let server = Server::start();
    let bob = server.user("bob");
    let relay = UdpRelay::to(server.address);
    let alice = server.user_over(&relay, "alice");
    let mut screen = open(&alice);
    relay.lose_answers();
    screen.enter("send bob once");
    until("the message is stored", || !texts(&bob.ok("inbox")).is_empty());
    let stopped = server.kill9();
    relay.mend();
    let _server = stopped.start();
    screen.shows("kept; it is sent when the connection is back");
    screen.shows("sent @bob:1 ← send bob once");
    screen.prompts(ONLINE.trim_end());
    screen.enter("send bob twice");
    screen.shows("sent @bob:2");
    check_inbox(&bob, &["once", "twice"]);
}

#[test]
fn a_server_killed_during_the_outbox_has_each_line_once_and_in_order() {
    const LINES: usize = 60;
    let OfflinePrompt { server, alice: _alice, bob, mut screen } = prompt();
    let stopped = server.terminate();
    screen.shows("connection lost");
    let typed: String = (0..LINES).map(|number| format!("send bob {number}\r")).collect();
    screen.press(&typed);
    screen.prompts(&format!("{LINES} waiting)>"));
    let server = stopped.start();
    until("some are delivered", || !texts(&bob.ok("inbox")).is_empty());
    let _server = server.kill9().start();
    screen.prompts(ONLINE.trim_end());
    let sent: Vec<_> = (0..LINES).map(|number| number.to_string()).collect();
    check_inbox(&bob, &sent.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn a_text_waits_for_the_line_before_it() {
    let OfflinePrompt { server, alice, bob, mut screen } = prompt();
    alice.write("notes.txt", b"notes");
    let stopped = server.terminate();
    screen.shows("connection lost");
    let lines = [
        "send bob 1",
        "sendgroup lab too early",
        "send bob 2",
        "mkgr lab",
        "sendgroup lab 3",
        "send bob 4",
        "send_file bob notes.txt",
        "send bob 5",
        "send bob 6",
    ];
    enter_offline(&mut screen, &lines);
    let _server = stopped.start();
    let shown = screen.prompts(ONLINE.trim_end());
    check_once(&shown, "(group_not_found)");
    let inbox = bob.ok("inbox --limit 1000");
    let found = items(&inbox["messages"]).iter().map(|message| message["text"].as_str());
    assert_eq!(
        found.collect::<Vec<_>>(),
        [Some("1"), Some("2"), Some("4"), None, Some("5"), Some("6")]
    );
    assert_eq!(texts(&alice.ok("inboxgroup lab")), ["3"]);
}

#[test]
fn lines_in_the_outbox_survive_a_killed_client() {
    let OfflinePrompt { server, alice, bob, mut screen } = prompt();
    let stopped = server.terminate();
    screen.shows("connection lost");
    enter_offline(&mut screen, &["send bob one", "send bob two"]);
    screen.kill9();
    let _server = stopped.start();
    let screen = Screen::open(&alice, &[]);
    screen.shows("2 lines from last time are waiting");
    screen.shows("← send bob two");
    screen.prompts(ONLINE.trim_end());
    check_inbox(&bob, &["one", "two"]);
    screen.kill9();
    let screen = open(&alice);
    check_inbox(&bob, &["one", "two"]);
    assert!(!screen.shows(ONLINE.trim_end()).contains("waiting"));
}

#[test]
fn a_quit_names_the_waiting_lines_which_the_next_run_of_the_user_sends() {
    let server = Server::start();
    let (visitor, bob) = (server.visitor(), server.user("bob"));
    visitor.ok(&format!("auth_register alice {PASSWORD}"));
    let mut screen = Screen::open(&visitor, &[]);
    screen.prompts("");
    screen.enter(&format!("auth_login alice {PASSWORD}"));
    screen.prompts("alice");
    let stopped = server.terminate();
    screen.shows("connection lost");
    enter_offline(&mut screen, &["send bob later"]);
    screen.enter("quit");
    screen.shows("1 line waits; it is kept, and sent when alice is here again");
    assert_eq!(screen.ends(), 0);
    let _server = stopped.start();
    let screen = Screen::open(&visitor, &[]);
    screen.shows("1 line from last time is waiting");
    screen.shows("sent @bob:1 ← send bob later");
    check_inbox(&bob, &["later"]);
}

#[test]
fn a_refused_line_does_not_delay_the_others() {
    let OfflinePrompt { server, alice, bob, mut screen } = prompt();
    alice.write("notes.txt", b"notes");
    let stopped = server.terminate();
    screen.shows("connection lost");
    let lines = ["send nobody hi", "mkgr lab", "sendgroup lab first", "send_file bob notes.txt"];
    enter_offline(&mut screen, &lines);
    screen.enter("send bob");
    screen.shows("(empty_message)");
    let _server = stopped.start();
    screen.prompts(ONLINE.trim_end());
    screen.shows("user not found: nobody (user_not_found) ← send nobody hi");
    screen.shows("made the group lab ← mkgr lab");
    screen.shows("sent +lab:1 ← sendgroup lab first");
    let inbox = bob.ok("inbox");
    assert_eq!(text(&items(&inbox["messages"])[0]["file"]["original"]), "notes.txt");
}

#[test]
fn a_query_waits_for_the_lines_before_it() {
    let OfflinePrompt { server, alice: _alice, bob: _bob, mut screen } = prompt();
    let stopped = server.terminate();
    screen.shows("connection lost");
    enter_offline(&mut screen, &["mkgr lab"]);
    screen.enter("ls_group");
    screen.shows("no connection; trying again");
    let _server = stopped.start();
    let shown = screen.shows("lab  1 member");
    check_once(&shown, "made the group lab");
    screen.prompts(ONLINE.trim_end());
}

#[test]
fn two_clients_of_a_user_lose_no_line_of_each_other() {
    let OfflinePrompt { server, alice, bob, screen: mut one } = prompt();
    let mut two = open(&alice);
    let stopped = server.terminate();
    one.shows("connection lost");
    two.shows("connection lost");
    enter_offline(&mut one, &["send bob one"]);
    enter_offline(&mut two, &["send bob two"]);
    one.kill9();
    let _server = stopped.start();
    two.prompts(ONLINE.trim_end());
    check_inbox(&bob, &["two"]);
    let three = Screen::open(&alice, &[]);
    three.shows("1 line from last time is waiting");
    three.shows("← send bob one");
    check_inbox(&bob, &["two", "one"]);
}

#[test]
fn a_line_does_not_overtake_a_waiting_file_but_a_query_does() {
    let OfflinePrompt { server, alice, bob, mut screen } = prompt();
    let film = std::fs::File::create(alice.path("film.mkv")).unwrap();
    film.set_len(192 * 1024 * 1024).unwrap();
    let stopped = server.terminate();
    screen.shows("connection lost");
    enter_offline(&mut screen, &["send_file bob film.mkv"]);
    let _server = stopped.start();
    screen.prompts("alice@127.0.0.1 (1 waiting)>");
    screen.enter("ls_group");
    screen.shows("no groups yet");
    screen.enter("send bob after it");
    let shown = screen.shows("@bob:2");
    let place = |text: &str| shown.find(text).unwrap_or_else(|| panic!("{text} in:\n{shown}"));
    assert!(place("no groups yet") < place("sent @bob:1 film.mkv"), "{shown}");
    let inbox = bob.ok("inbox");
    let messages = items(&inbox["messages"]);
    assert_eq!(text(&messages[0]["file"]["original"]), "film.mkv");
    assert_eq!(text(&messages[1]["text"]), "after it");
}

#[test]
fn a_waiting_file_that_another_run_had_begun_is_sent_once_also_if_its_line_cannot_be_removed() {
    let OfflinePrompt { server, alice, bob, mut screen } = prompt();
    let film = std::fs::File::create(alice.path("film.mkv")).unwrap();
    film.set_len(64 * 1024 * 1024).unwrap();
    // The id of the earlier upload is saved, and differs from the id of the waiting line.
    let mut begun = alice.talk();
    begun.tell("send_file bob film.mkv");
    until("the upload has begun", || !server.parts().is_empty());
    begun.kill();
    drop(begun);
    let stopped = server.terminate();
    screen.shows("connection lost");
    let long = std::fs::File::create(alice.path("long.mkv")).unwrap();
    long.set_len(256 * 1024 * 1024).unwrap();
    let lines = ["send_file bob film.mkv", "send bob after it", "send_file bob long.mkv"];
    enter_offline(&mut screen, &lines);
    let outboxes = alice.home().join("home/xdg_state_home/qchat/outbox");
    let away = alice.home().join("away");
    std::fs::rename(&outboxes, &away).unwrap();
    let _server = stopped.start();
    screen.shows("← send bob after it");
    screen.kill9();
    let _ = std::fs::remove_dir_all(&outboxes);
    std::fs::rename(&away, &outboxes).unwrap();
    let screen = Screen::open(&alice, &[]);
    screen.shows("3 lines from last time are waiting");
    screen.shows("long.mkv, 256.00 MiB");
    screen.prompts(ONLINE.trim_end());
    assert_eq!(items(&bob.ok("inbox")["messages"]).len(), 3);
}

#[test]
fn the_outbox_is_kept_for_its_user_after_the_end_of_the_session() {
    let server = Server::start();
    let bob = server.user("bob");
    let relay = UdpRelay::to(server.address);
    let here = ["--fingerprint", &server.fingerprint, "--server"];
    let through = relay.address.to_string();
    let alice = server.user("alice").pointed_at(&[&here[..], &[&through]].concat());
    let mut screen = open(&alice);
    relay.lose_answers();
    screen.shows("connection lost");
    enter_offline(&mut screen, &["send bob later"]);
    // The same session, on the path that is not cut.
    let sessions = alice.home().join("home/xdg_state_home/qchat/sessions");
    let folder = |address: &str| sessions.join(address.replace(':', "%3A"));
    let direct = server.address.to_string();
    std::fs::create_dir(folder(&direct)).unwrap();
    std::fs::copy(folder(&through).join("alice"), folder(&direct).join("alice")).unwrap();
    let alice = alice.pointed_at(&[&here[..], &[&direct]].concat());
    alice.ok("auth_logout");
    relay.mend();
    screen.shows("1 line waits; it is kept, and sent when alice is here again");
    screen.shows("the session has ended");
    screen.prompts("127.0.0.1>");
    assert_eq!(texts(&bob.ok("inbox")), Vec::<&str>::new());
    screen.enter(&format!("auth_login alice {PASSWORD}"));
    screen.shows("1 line from last time is waiting");
    screen.shows("sent @bob:1 ← send bob later");
    check_inbox(&bob, &["later"]);
}
