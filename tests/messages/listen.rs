//! `listen`: a bot gets all messages in order, and unacknowledged ones again.

use std::process::Stdio;

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{Bot, Running, Server, Talk, items, text, texts, wait_for_cursor};

fn ids(messages: &[Value]) -> Vec<&str> {
    messages.iter().map(|message| text(&message["id"])).collect()
}

#[test]
fn messages_of_other_users_appear_with_their_ids() {
    let server = Server::start();
    let (bot, alice) = (server.user("bot"), server.user("alice"));
    alice.write("report.txt", b"all is well");
    let mut listening = Bot::listen(&bot, &[]);
    let mut talk = alice.talk();
    let mut heard = Vec::new();
    for line in ["send bot one", "send_file bot report.txt", "send bot \u{1b}[31mtwo"] {
        let sent = talk.ok(line);
        let message = listening.next();
        assert_eq!(message["id"], sent["message"]["id"]);
        assert_eq!(message["unread"], true);
        heard.push(message);
    }
    assert_eq!(heard[1]["file"]["original"], "report.txt");
    let ended = listening.end(Signal::TERM);
    assert_eq!((ended.status, ended.error.as_str()), (Some(0), ""), "{ended:?}");
    let inbox = bot.ok("inbox");
    assert_eq!(ids(items(&inbox["messages"])), ids(&heard));
    let unread = items(&inbox["messages"]).iter().any(|message| message["unread"] == true);
    assert!(!unread, "what was handed over is read: {inbox}");
}

#[test]
fn groups_are_followed_from_the_join_on_without_own_messages() {
    let server = Server::start();
    let (bot, alice) = (server.user("bot"), server.user("alice"));
    let mut talk = alice.talk();
    talk.ok("mkgr lab");
    talk.ok("sendgroup lab history");
    let mut listening = Bot::listen(&bot, &[]);
    talk.ok("send bot hello");
    assert_eq!(listening.texts(1), ["hello"]);
    bot.ok("join lab");
    bot.ok("sendgroup lab my own");
    bot.ok("send bot a note");
    talk.ok("sendgroup lab welcome");
    assert_eq!(listening.next()["group"], "lab");
    bot.ok("leave lab");
    talk.ok("sendgroup lab among us");
    talk.ok("send bot bye");
    assert_eq!(listening.texts(1), ["bye"]);
    assert_eq!(listening.stopped(), "");
    let note = bot.ok("inbox --unread");
    assert_eq!(texts(&note), ["a note"], "what was not shown is not read");
}

#[test]
fn a_new_listener_follows_a_group_from_its_join_or_from_its_start() {
    let server = Server::start();
    let alice = server.user("alice");
    alice.lines(&["mkgr lab", "sendgroup lab 1", "sendgroup lab 2"]);
    for (name, options, heard) in
        [("bot", &[][..], &["3"][..]), ("archivist", &["--from-start"], &["1", "2", "3"])]
    {
        let bot = server.user(name);
        bot.ok("join lab");
        if name == "bot" {
            alice.ok("sendgroup lab 3");
        }
        let mut listening = Bot::listen(&bot, options);
        assert_eq!(listening.texts(heard.len()), heard, "{name}");
        assert_eq!(listening.stopped(), "");
    }
}

#[test]
fn the_first_start_begins_with_the_unread_messages() {
    let server = Server::start();
    let (bot, alice) = (server.user("bot"), server.user("alice"));
    alice.ok("send bot read long ago");
    bot.ok("inbox");
    alice.lines(&["send bot one", "send bot two"]);
    let mut listening = Bot::listen(&bot, &[]);
    assert_eq!(listening.texts(2), ["one", "two"]);
    assert_eq!(listening.stopped(), "");
    alice.ok("send bot three");
    // Messages that were read elsewhere were still not delivered to the bot.
    server.client_of("bot").ok("inbox");
    let mut listening = Bot::listen(&bot, &[]);
    assert_eq!(listening.texts(1), ["three"]);
    assert_eq!(listening.stopped(), "");
}

#[test]
fn unacknowledged_messages_are_delivered_again_after_a_kill() {
    let server = Server::start();
    let (bot, alice) = (server.user("bot"), server.user("alice"));
    alice.lines(&["send bot 1", "send bot 2", "send bot 3", "send bot 4"]);
    let mut listening = Bot::listen(&bot, &["--ack"]);
    assert_eq!(listening.texts(4), ["1", "2", "3", "4"]);
    // The cursor passes the first two messages; the fourth is after a gap.
    for id in ["@bot:2", "@bot:4", "@bot:1"] {
        listening.acknowledge(id);
    }
    wait_for_cursor(&bot, "inbox 2");
    listening.end(Signal::KILL);
    let mut listening = Bot::listen(&bot, &["--ack"]);
    assert_eq!(listening.texts(2), ["3", "4"]);
    listening.acknowledge("@bot:3");
    wait_for_cursor(&bot, "inbox 3");
    listening.acknowledge("@bot:4");
    // The listener stops in order at the end of standard input.
    assert_eq!(listening.0.finish().status, Some(0));
    alice.ok("send bot 5");
    let mut listening = Bot::listen(&bot, &["--ack"]);
    assert_eq!(listening.texts(1), ["5"]);
    assert_eq!(listening.stopped(), "");
    let unread = bot.ok("inbox --unread");
    assert!(!texts(&unread).contains(&"4") && texts(&unread).contains(&"5"), "{unread}");
}

#[test]
fn an_unknown_id_is_reported_and_ignored() {
    let server = Server::start();
    let (bot, alice) = (server.user("bot"), server.user("alice"));
    alice.ok("send bot hi");
    let mut listening = Bot::listen(&bot, &["--ack"]);
    listening.next();
    for id in ["@bot:2", "@alice:1", "+lab:1", "what?"] {
        listening.acknowledge(id);
        let told = format!("no message {id} waits to be acknowledged");
        assert_eq!(listening.0.error_line(), Some(told));
    }
    listening.acknowledge("@bot:1");
    wait_for_cursor(&bot, "inbox 1");
    assert_eq!(listening.stopped(), "");
}

#[test]
fn no_message_is_missed_or_duplicated_while_the_server_is_killed() {
    const ROUNDS: usize = 3;
    const SENDS: usize = 20;
    let mut server = Server::start();
    let (bot, alice) = (server.user("bot"), server.user("alice"));
    alice.ok("mkgr lab");
    bot.ok("join lab");
    let mut listening = Bot::listen(&bot, &["--ack"]);
    let mut talk: Talk = alice.talk();
    let (mut sent, mut heard) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        for number in 0..SENDS {
            let to = if number % 3 == 0 { "sendgroup lab" } else { "send bot" };
            let answer = talk.ok(&format!("{to} {round}.{number}"));
            sent.push(text(&answer["message"]["id"]).to_owned());
        }
        // Half of the messages are still being sent when the server is killed.
        for number in 0..SENDS / 2 {
            let id = text(&listening.next()["id"]).to_owned();
            if number % 2 == 0 {
                listening.acknowledge(&id);
            }
            heard.push(id);
        }
        server = server.kill9().start();
    }
    while heard.len() < sent.len() {
        heard.push(text(&listening.next()["id"]).to_owned());
    }
    // There is no order between logs.
    let of = |ids: &[String], log: &str| -> Vec<String> {
        ids.iter().filter(|id| id.starts_with(log)).cloned().collect()
    };
    for log in ["@bot", "+lab"] {
        assert_eq!(of(&heard, log), of(&sent, log));
    }
    talk.ok("send bot the end");
    assert_eq!(listening.texts(1), ["the end"]);
    assert_eq!(listening.stopped(), "");
}

#[test]
fn a_bounded_number_of_messages_waits_for_acknowledgement() {
    const WAITING_MAX: usize = 1024;
    let server = Server::start();
    let (bot, alice) = (server.user("bot"), server.user("alice"));
    let lines: Vec<_> = (1..=WAITING_MAX + 10).map(|n| format!("send bot {n}")).collect();
    alice.lines(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let mut listening = Bot::listen(&bot, &["--ack"]);
    let heard = listening.texts(WAITING_MAX);
    assert_eq!(heard.last().unwrap(), &WAITING_MAX.to_string());
    for place in 1..=5 {
        listening.acknowledge(&format!("@bot:{place}"));
        assert_eq!(listening.texts(1), [(WAITING_MAX + place).to_string()]);
    }
    wait_for_cursor(&bot, "inbox 5");
    assert_eq!(listening.stopped(), "");
}

#[test]
fn a_user_has_one_listener_in_a_home_folder() {
    let server = Server::start();
    let bot = server.user("bot");
    let listening = Bot::listen(&bot, &[]);
    wait_for_cursor(&bot, "inbox 0");
    let second = bot.run(&["listen"]);
    assert_eq!(second.status, Some(1), "{second:?}");
    assert!(second.error.contains("another process"), "{second:?}");
    assert_eq!(listening.stopped(), "");
}

#[test]
fn an_ended_session_ends_the_listener() {
    let server = Server::start();
    let bot = server.user("bot");
    let mut listening = Bot::listen(&bot, &[]);
    wait_for_cursor(&bot, "inbox 0");
    bot.ok("auth_logout");
    let error = listening.error();
    assert!(error.contains("not signed in"), "{error}");
    assert_eq!(listening.0.finish().status, Some(1));
}

#[test]
fn another_server_at_the_same_address_ends_the_listener() {
    let server = Server::start();
    let bot = server.user("bot");
    let mut listening = Bot::listen(&bot, &[]);
    wait_for_cursor(&bot, "inbox 0");
    let address = server.address.to_string();
    let _stopped = server.terminate();
    let _other = Server::listening(&address);
    assert!(listening.error().contains("another key"));
    assert_eq!(listening.0.finish().status, Some(3));
}

#[test]
fn bad_usage_is_reported_before_any_action() {
    let server = Server::start();
    for (client, words) in
        [(server.visitor(), &["listen"][..]), (server.client_of("bot"), &["listen", "--all"])]
    {
        let ended = client.run(words);
        assert_eq!((ended.status, ended.output.as_str()), (Some(2), ""), "{ended:?}");
    }
}

#[test]
fn a_closed_output_ends_the_listener_silently_and_the_message_stays() {
    let server = Server::start();
    let (bot, alice) = (server.user("bot"), server.user("alice"));
    let mut command = bot.command();
    command.args(["listen"]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    alice.ok("send bot hi");
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), &ended.stderr[..]), (Some(0), &b""[..]), "{ended:?}");
    let mut listening = Bot::listen(&bot, &[]);
    assert_eq!(listening.texts(1), ["hi"]);
    assert_eq!(listening.stopped(), "");
}

#[test]
fn the_text_output_has_one_safe_line_for_each_message() {
    let server = Server::start();
    let (bot, alice) = (server.user("bot"), server.user("alice"));
    alice.write("a.txt", b"abc");
    alice.ok("send bot \u{1b}[2Jboo");
    let name = alice.ok("send_file bot a.txt")["message"]["file"]["name"].take();
    let mut listening = Running::start(bot.command().arg("listen"));
    assert_eq!(listening.output_line().as_deref(), Some("@bot:1 alice │ ␛[2Jboo"));
    let file = format!("@bot:2 alice + a.txt, 3 B, stored as {}", text(&name));
    assert_eq!(listening.output_line(), Some(file));
    listening.signal(Signal::INT);
    assert_eq!(listening.finish().status, Some(0));
}
