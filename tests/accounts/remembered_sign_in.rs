//! A sign-in at the prompt is saved on the device. The prompt stays open while the server is down.

use crate::harness::{Client, PASSWORD, Running, Screen, Server, items, texts};

/// A device on which alice has signed in at the prompt, and left the prompt.
fn after_alice(server: &Server, arguments: &[&str]) -> Client {
    server.visitor().ok(&format!("auth_register alice {PASSWORD}"));
    let client = server.visitor();
    sign_in(&client, arguments, "alice");
    client
}

fn sign_in(client: &Client, arguments: &[&str], user: &str) {
    let mut screen = Screen::open(client, arguments);
    screen.prompts("127.0.0.1>");
    screen.enter(&format!("auth_login {user} {PASSWORD}"));
    screen.prompts(&format!("{user}@127.0.0.1>"));
    quit(screen);
}

fn quit(mut screen: Screen) {
    screen.enter("quit");
    assert_eq!(screen.ends(), 0);
}

/// Opens the prompt, and checks which user is signed in at its start.
#[track_caller]
fn check_prompt(client: &Client, arguments: &[&str], prompt: &str) {
    let screen = Screen::open(client, arguments);
    let shown = screen.prompts(prompt);
    assert!(shown.lines().last().unwrap().starts_with(prompt), "{shown}");
    quit(screen);
}

#[test]
fn the_next_prompt_continues_with_the_last_user() {
    let server = Server::start();
    let client = after_alice(&server, &[]);
    check_prompt(&client, &[], "alice@127.0.0.1>");
    server.visitor().ok(&format!("auth_register bob {PASSWORD}"));
    let mut screen = Screen::open(&client, &[]);
    screen.prompts("alice@");
    screen.enter("auth_logout");
    screen.prompts("127.0.0.1>");
    screen.enter(&format!("auth_login bob {PASSWORD}"));
    screen.prompts("bob@");
    quit(screen);
    check_prompt(&client, &[], "bob@127.0.0.1>");
    // The sign-in is saved for each server separately.
    let other = Server::start();
    let client = client.pointed_at(&["--server", &other.address.to_string(), "--accept-new"]);
    check_prompt(&client, &[], "127.0.0.1>");
}

#[test]
fn a_sign_out_is_saved_too() {
    let server = Server::start();
    let client = after_alice(&server, &[]);
    let mut screen = Screen::open(&client, &[]);
    screen.prompts("alice@");
    screen.enter("auth_logout");
    screen.shows("signed out");
    quit(screen);
    check_prompt(&client, &[], "127.0.0.1>");
}

#[test]
fn no_save_saves_nothing_and_uses_no_saved_session() {
    let server = Server::start();
    let client = after_alice(&server, &["--no-save"]);
    check_prompt(&client, &[], "127.0.0.1>");
    sign_in(&client, &[], "alice");
    check_prompt(&client, &["--no-save"], "127.0.0.1>");
    check_prompt(&client, &[], "alice@127.0.0.1>");
    // The session that was not saved has ended with its run.
    let sessions = server.client_of("alice").ok("sessions");
    assert_eq!(items(&sessions["sessions"]).len(), 2, "{sessions}");
}

#[test]
fn scripts_start_signed_out_unless_they_name_a_user() {
    let server = Server::start();
    let client = after_alice(&server, &[]);
    for arguments in [&["--json", "ls"][..], &["--json", "-c", "ls"]] {
        assert_eq!(client.run(arguments).json()[0]["error"]["code"], "not_logged_in");
    }
    assert_eq!(client.refused("ls"), "not_logged_in");
    let mut command = client.command();
    command.env_remove("QCHAT_PASSWORD").args(["--user", "alice", "--json", "ls"]);
    let ended = Running::start(&mut command).finish();
    assert_eq!(ended.status, Some(0), "{ended:?}");
}

#[test]
fn the_end_of_a_saved_session_is_reported_once() {
    let server = Server::start();
    let client = after_alice(&server, &[]);
    server.client_of("alice").ok("auth_logout --all");
    let screen = Screen::open(&client, &[]);
    screen.prompts("127.0.0.1>");
    let shown = screen.shows("sign in with auth_login alice");
    assert!(shown.contains("the saved session of alice has ended on the server"), "{shown}");
    quit(screen);
    let screen = Screen::open(&client, &[]);
    let shown = screen.prompts("127.0.0.1>");
    assert!(!shown.contains("has ended"), "{shown}");
}

#[test]
fn the_prompt_opens_offline_without_a_server_and_keeps_lines() {
    let server = Server::start();
    let bob = server.user("bob");
    let client = after_alice(&server, &[]);
    let stopped = server.terminate();
    let mut screen = Screen::open(&client, &[]);
    screen.prompts("alice@127.0.0.1 (offline)>");
    let shown = screen.shows("no qchat server answers at 127.0.0.1:");
    assert!(!shown.contains("connection lost"), "{shown}");
    screen.enter("send bob written offline");
    screen.prompts("alice@127.0.0.1 (offline, 1 waiting)>");
    let _server = stopped.start();
    screen.shows("sent @bob:1 ← send bob written offline");
    screen.prompts("alice@127.0.0.1>");
    assert_eq!(texts(&bob.ok("inbox")), ["written offline"]);
}

#[test]
fn a_signed_out_prompt_opens_offline_too() {
    let server = Server::start();
    server.visitor().ok(&format!("auth_register alice {PASSWORD}"));
    let client = server.visitor();
    let stopped = server.terminate();
    let mut screen = Screen::open(&client, &[]);
    screen.prompts("127.0.0.1 (offline)>");
    let _server = stopped.start();
    screen.enter(&format!("auth_login alice {PASSWORD}"));
    screen.prompts("alice@127.0.0.1>");
}

#[test]
fn an_unknown_server_behind_an_offline_prompt_shows_its_key() {
    let server = Server::start();
    let client = after_alice(&server, &[]);
    let pins = client.home().join("home/xdg_config_home/qchat/known_servers");
    let address = server.address.to_string();
    let fingerprint = server.fingerprint.clone();
    let client = client.pointed_at(&["--server", &address]);
    assert!(!pins.exists());
    let stopped = server.terminate();
    let screen = Screen::open(&client, &[]);
    screen.prompts("alice@127.0.0.1 (offline)>");
    let _server = stopped.start();
    screen.shows(&format!("new server {address}, remembered: {}", &fingerprint[..20]));
    screen.prompts("alice@127.0.0.1>");
    assert!(pins.exists());
}
