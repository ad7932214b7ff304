//! A run with marked passwords and tokens, and a search for the marks in files, logs and processes.

use std::path::Path;

use qchat_proto::SessionToken;

use crate::harness::{Client, Running, Screen, Server, files_below};

/// The passwords, named by the way in which they are given.
const GIVEN_AS_LINE: &str = "marker-given-as-line";
const GIVEN_BY_VARIABLE: &str = "marker-given-by-variable";
const GIVEN_BY_FILE: &str = "marker-given-by-file";
const GIVEN_AT_PROMPT: &str = "marker-given-at-prompt";
const MISTYPED: &str = "marker-mistyped";

/// The new passwords of a change.
const CHANGED_BY_LINE: &str = "marker-changed-by-line";
const CHANGED_AT_PROMPT: &str = "marker-changed-at-prompt";
const CHANGED_AGAIN: &str = "marker-changed-again";

/// The common prefix of all passwords.
const MARKER: &str = "marker-";

/// The text of a message, which must not be in a log.
const SAID: &str = "rendezvous at the bridge";

/// Checks that the arguments of a process contain no secret, and that the process has no children.
#[track_caller]
fn check_process(id: u32) {
    let folder = format!("/proc/{id}");
    let arguments = std::fs::read(format!("{folder}/cmdline")).unwrap();
    assert!(!arguments.is_empty(), "the process has ended");
    check_has_no(MARKER.as_bytes(), &arguments, "arguments");
    for thread in std::fs::read_dir(format!("{folder}/task")).unwrap().flatten() {
        let children = std::fs::read_to_string(thread.path().join("children"));
        assert_eq!(children.unwrap_or_default(), "", "a child that could inherit a secret");
    }
}

/// Checks that the environment of a process without a password variable contains no password.
#[track_caller]
fn check_environment(id: u32) {
    let environment = std::fs::read(format!("/proc/{id}/environ")).unwrap();
    assert!(!environment.is_empty(), "the process has ended");
    check_has_no(MARKER.as_bytes(), &environment, "the environment");
}

#[track_caller]
fn check_has_no(secret: &[u8], bytes: &[u8], place: &str) {
    let found = bytes.windows(secret.len()).position(|window| window == secret);
    assert_eq!(found, None, "{:?} is in {place}", String::from_utf8_lossy(secret));
}

/// Checks the contents and the names of all files in a folder.
#[track_caller]
fn check_folder(secret: &[u8], folder: &Path) {
    for file in files_below(folder) {
        let name = file.display().to_string();
        check_has_no(secret, name.as_bytes(), "a name");
        check_has_no(secret, &std::fs::read(&file).unwrap(), &name);
    }
}

/// Registers an account with a password on the line.
fn registered(server: &Server, name: &str, password: &str) -> Client {
    server.visitor().ok(&format!("auth_register {name} {password}"));
    server.client_of(name)
}

/// Signs in with these arguments and variables, and checks the process while it runs.
#[track_caller]
fn sign_in(client: &Client, arguments: &[&str], password: Option<&str>) -> String {
    let mut command = client.command();
    command.args(arguments).env("QCHAT_LOG", "trace").env("RUST_LOG", "trace");
    match password {
        Some(password) => command.env("QCHAT_PASSWORD", password),
        None => command.env_remove("QCHAT_PASSWORD"),
    };
    let mut running = Running::start(&mut command);
    running.write(b"ls\n");
    let answer = running.output_line().unwrap();
    assert!(answer.contains("\"ok\":true"), "{answer}");
    check_process(running.id());
    if password.is_none() {
        check_environment(running.id());
    }
    let ended = running.finish();
    answer + &ended.output + &ended.error
}

/// A prompt at which passwords are typed in the right and in wrong places.
fn type_at_the_prompt(server: &Server, client: &Client) -> Vec<u8> {
    let mut screen = Screen::open(client, &[]);
    screen.shows("assword");
    screen.enter_unseen(GIVEN_AT_PROMPT);
    screen.prompts("dora");
    change_at_the_prompt(&mut screen);
    for process in [screen.id(), server.id()] {
        check_process(process);
        check_environment(process);
    }
    let unseen = screen.bytes();
    screen.enter(&format!("passwd {CHANGED_AT_PROMPT} {CHANGED_AGAIN}"));
    screen.prompts("dora");
    screen.enter("sessions");
    screen.prompts("dora");
    screen.enter(&format!("auth_lgoin dora {MISTYPED}"));
    screen.prompts("dora");
    screen.enter(&format!("send dora {SAID}"));
    screen.prompts("dora");
    screen.enter("quit");
    assert_eq!(screen.ends(), 0);
    unseen
}

/// Answers the questions of `passwd`.
fn change_at_the_prompt(screen: &mut Screen) {
    // Clears the earlier questions from the screen.
    screen.press("\u{c}");
    screen.enter("passwd");
    for (asked, secret) in [
        ("password of dora", GIVEN_AT_PROMPT),
        ("new password for dora", CHANGED_AT_PROMPT),
        ("the same again", CHANGED_AT_PROMPT),
    ] {
        screen.shows(asked);
        screen.enter_unseen(secret);
    }
    screen.prompts("dora");
}

/// The tokens of the saved sessions in a home folder.
fn tokens(home: &Path) -> Vec<SessionToken> {
    let files = files_below(home).into_iter();
    let texts = files.filter_map(|file| std::fs::read_to_string(file).ok());
    texts.filter_map(|text| SessionToken::from_hex(text.trim_end())).collect()
}

#[test]
fn marked_secrets_are_only_in_the_places_for_secrets() {
    let server = Server::logging("trace", "text");
    let alice = registered(&server, "alice", GIVEN_AS_LINE);
    let bob = registered(&server, "bob", GIVEN_BY_VARIABLE);
    let carol = registered(&server, "carol", GIVEN_BY_FILE);
    let dora = registered(&server, "dora", GIVEN_AT_PROMPT);
    let apart = Client::at(&[], None);
    apart.write_secret("password", GIVEN_BY_FILE.as_bytes());
    let file = apart.path("password");

    let change = format!("passwd {GIVEN_AS_LINE} {CHANGED_BY_LINE}");
    let login = format!("auth_login alice {GIVEN_AS_LINE}");
    let changed = alice.lines(&["auth_logout", &login, &change, &change, "sessions"]);
    assert_eq!(changed[2]["ok"], true, "{changed:?}");
    let mut said = sign_in(&bob, &["--json"], Some(GIVEN_BY_VARIABLE));
    said += &sign_in(&carol, &["--json", "--password-file", file.to_str().unwrap()], None);
    let refused = bob.lines(&["auth_logout", &format!("auth_login bob {MISTYPED}")]);
    for answer in refused.iter().chain(&changed) {
        said += &answer.to_string();
    }
    let screen = type_at_the_prompt(&server, &dora);
    server.visitor().ok(&format!("auth_login dora {CHANGED_AGAIN}"));

    check_has_no(MARKER.as_bytes(), said.as_bytes(), "what clients say");
    check_has_no(MARKER.as_bytes(), &screen, "the screen");
    let (log, folder) = server.into_log();
    assert!(log.contains("TRACE"), "not everything is logged");
    let homes = [&alice, &bob, &carol, &dora].map(Client::home);
    for secret in [MARKER, SAID] {
        check_has_no(secret.as_bytes(), log.as_bytes(), "the log");
    }
    for place in homes.into_iter().chain([folder.path()]) {
        check_folder(MARKER.as_bytes(), place);
    }
    let tokens: Vec<_> = homes.into_iter().flat_map(tokens).collect();
    assert!(tokens.len() >= 2, "{tokens:?}");
    for token in tokens {
        for secret in [token.to_hex().as_bytes(), token.expose()] {
            check_has_no(secret, log.as_bytes(), "the log");
            check_folder(secret, folder.path());
        }
    }
}
