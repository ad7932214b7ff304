//! The page about scripting: its JSON and its exit statuses are those of the program.

use std::mem::discriminant;

use serde_json::Value;

use super::program::Program;
use super::root;
use crate::harness::{Bot, Server, keys};

fn page() -> String {
    std::fs::read_to_string(root().join("docs/scripting.md")).unwrap()
}

/// Checks that a printed value has the fields and the kinds of values that are shown. `"…"` stands for anything.
#[track_caller]
fn check_shape(command: &str, shown: &Value, printed: &Value) {
    match (shown, printed) {
        (Value::String(shown), _) if shown == "…" => {}
        (Value::Object(shown_fields), Value::Object(printed_fields)) => {
            assert_eq!(keys(shown), keys(printed), "{command}: {printed}");
            for (key, value) in shown_fields {
                check_shape(command, value, &printed_fields[key]);
            }
        }
        (Value::Array(shown), Value::Array(printed)) => {
            shown
                .iter()
                .zip(printed)
                .for_each(|(shown, printed)| check_shape(command, shown, printed));
            assert_eq!(shown.is_empty(), printed.is_empty(), "{command}");
        }
        (Value::Bool(_), _) => assert_eq!(shown, printed, "{command}"),
        _ => assert_eq!(discriminant(shown), discriminant(printed), "{command}: {printed}"),
    }
}

/// The object that a page shows. It may leave out the fields of an object.
#[track_caller]
fn shown_object(line: &str) -> Value {
    let whole = line.trim().replace("{…}", "\"…\"");
    serde_json::from_str(&whole).unwrap_or_else(|error| panic!("{error}: {line}"))
}

#[test]
fn the_json_of_the_scripting_page_has_the_fields_that_are_printed() {
    let server = Server::start();
    let alice = server.user("alice");
    let bob = server.user("bob");
    alice.write("a.log", b"a");
    alice.write("b.log", b"b");
    let _reader = Bot::listen(&bob, &[]);
    let page = page();
    let mut lines = page.lines();
    let mut compared = 0;
    while let Some(line) = lines.next() {
        let Some(command) = line.trim().strip_prefix("$ qchat client --json ") else { continue };
        let shown = shown_object(lines.next().unwrap());
        let words: Vec<_> = command.split(' ').collect();
        let ended = alice.run(&[&["--json"], words.as_slice()].concat());
        check_shape(command, &shown, &ended.json()[0]);
        compared += 1;
    }
    assert!(compared >= 5, "only {compared} were found");
}

#[test]
fn the_event_of_the_scripting_page_is_what_listen_prints() {
    let server = Server::start();
    let bot = server.user("bot");
    server.user("alice").ok("send bot hi");
    let page = page();
    let (_, shown) = page.split_once("$ qchat client --user bot listen --json --ack\n").unwrap();
    let mut listening = bot.start(&["listen", "--json", "--ack"]);
    let printed = serde_json::from_str(&listening.output_line().unwrap()).unwrap();
    check_shape("listen", &shown_object(shown.lines().next().unwrap()), &printed);
}

#[test]
fn the_renamed_names_of_the_scripting_page_are_those_that_are_reported() {
    let server = Server::start();
    let alice = server.user("alice");
    let page = page();
    let shown = page.split('`').find(|code| code.starts_with("{\"event\":\"renamed\"")).unwrap();
    std::fs::create_dir_all(alice.path("p/.git")).unwrap();
    alice.write("p/.git/HEAD", b"");
    let sent = alice.run(&["--json", "send_file", "alice", "p"]);
    assert_eq!(sent.error.trim(), shown);
}

#[test]
fn the_exit_statuses_of_the_scripting_page_are_those_of_the_help() {
    let help = &Program::get().parts["client"];
    let (_, told) = help.split_once("Exit status: ").unwrap();
    let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
    let told: Vec<_> = told.split("; ").filter_map(|status| status.split(' ').next()).collect();
    let page = page();
    let rows = page.lines().skip_while(|line| !line.starts_with("| exit status |")).skip(2);
    let rows = rows.take_while(|line| line.starts_with('|'));
    let shown: Vec<_> = rows.filter_map(|row| row.split('|').nth(1)).map(str::trim).collect();
    assert_eq!(shown, told);
}
