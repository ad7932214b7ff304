//! Sessions in documents: each marked block is the output of a run.

use std::path::Path;
use std::process::Command;

use super::root;
use crate::harness::{
    Client, PASSWORD, PROGRAM, Running, Screen, Server, ServerFolder, clean_environment,
};

fn page(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap()
}

/// The block of a page that is marked with this name.
#[track_caller]
fn block(document: &str, name: &str) -> String {
    let page = page(document);
    let begin = format!("<!-- {name} -->\n```text\n");
    let (_, shown) = page.split_once(&begin).unwrap_or_else(|| panic!("no block {name}"));
    let (shown, _) = shown.split_once("```").expect("the block ends");
    shown.to_owned()
}

/// Numbers and fingerprints differ from run to run: ports, times, the milliseconds in a file's name.
fn normal(text: &str) -> String {
    let mut result = String::new();
    let mut parts = text.trim().split("SHA256:");
    result.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let is_digest = |part: char| part.is_ascii_alphanumeric() || "+/=".contains(part);
        result.push_str("SHA256:…");
        result.push_str(part.trim_start_matches(is_digest));
    }
    without_numbers(&result)
}

fn without_numbers(text: &str) -> String {
    let mut result = String::new();
    for line in text.lines() {
        for character in line.trim_end().chars() {
            match character {
                '0'..='9' if result.ends_with('#') => {}
                '0'..='9' => result.push('#'),
                _ => result.push(character),
            }
        }
        result.push('\n');
    }
    result
}

#[track_caller]
fn check(document: &str, name: &str, printed: &str) {
    let shown = block(document, name);
    assert_eq!(normal(&shown), normal(printed), "{document}: {name} is now:\n{printed}");
}

/// The server's name in the documents.
const HOST: &str = "chat.example.org";

/// A screen with the names that the documents use.
fn named(screen: &str, server: &Server, client: &Client) -> String {
    let work = client.path("");
    screen
        .replace(&server.address.to_string(), &format!("{HOST}:4433"))
        .replace("127.0.0.1", HOST)
        .replace(work.to_str().unwrap(), "/home/alice/")
}

/// Somebody who knows no server yet.
fn newcomer(server: &Server) -> Client {
    Client::at(&["--server", &server.address.to_string()], None)
}

const WIDE: u16 = 220;

#[test]
fn the_page_of_the_demo_has_what_the_demo_prints() {
    let demo = Command::new(PROGRAM).arg("demo").output().unwrap();
    assert!(demo.status.success(), "{}", String::from_utf8_lossy(&demo.stderr));
    check("docs/demo.md", "demo", &String::from_utf8(demo.stdout).unwrap());
}

#[test]
fn the_first_lines_of_a_server_are_those_of_the_readme() {
    let folder = ServerFolder::new();
    let mut command = Command::new(PROGRAM);
    command.args(["server", "--listen", "[::]:0"]).current_dir(folder.path());
    clean_environment(&mut command, folder.path());
    let mut server = Running::start(&mut command);
    let lines: Vec<_> = (0..3).map(|_| server.error_line().unwrap()).collect();
    check("README.md", "server", &lines.join("\n"));
}

#[test]
fn the_first_minute_is_that_of_the_user_guide() {
    let server = Server::start();
    let alice = newcomer(&server);
    let mut screen = Screen::open(&alice, &[]);
    screen.prompts("127.0.0.1>");
    screen.resize(WIDE);
    screen.enter("auth_register alice");
    screen.shows("password for alice:");
    screen.enter_unseen(PASSWORD);
    screen.shows("the same again:");
    screen.enter_unseen(PASSWORD);
    screen.shows("registered alice");
    screen.prompts("127.0.0.1>");
    screen.enter("auth_login alice");
    screen.shows("password of alice:");
    screen.enter_unseen(PASSWORD);
    screen.prompts("alice@127.0.0.1>");
    screen.enter("send bob Lunch at noon?");
    screen.shows("user_not_found");
    server.user("bob");
    screen.prompts("alice@127.0.0.1>");
    screen.enter("send bob Lunch at noon?");
    let shown = screen.shows("sent @bob:1");
    let (shown, _) = shown.split_at(shown.find("sent @bob:1").unwrap() + "sent @bob:1".len());
    let printed = format!("$ qchat client --server {HOST}\n{}", named(shown, &server, &alice));
    check("docs/user-guide.md", "first minute", &printed);
}

/// The screen after `send_file bob FILE`, as if the path were short. The program cuts a long line that waited,
/// and the folder of the test may have any length.
fn with_short_path(screen: &str, file: &Path) -> String {
    let (_, shown) = screen.rsplit_once("← send_file bob \"").unwrap();
    let shown = shown.lines().next().unwrap().trim_end();
    let path = shown.trim_end_matches(['…', '"']);
    assert!(file.to_str().unwrap().starts_with(path), "{shown}");
    screen.replace(shown, "/home/alice/menu.pdf\"")
}

#[test]
fn a_lost_connection_is_that_of_the_user_guide() {
    let server = Server::start();
    let alice = server.user("alice");
    server.user("bob");
    alice.write("menu.pdf", &[b'x'; 12_345]);
    alice.ok("ls");
    let mut screen = Screen::open(&alice, &[]);
    screen.prompts("alice@127.0.0.1>");
    screen.resize(WIDE);
    let stopped = server.kill9();
    screen.shows("connection lost");
    screen.prompts("(offline)>");
    screen.enter("send bob Noon it is.");
    screen.prompts("1 waiting)>");
    screen.enter("send_file bob menu.pdf");
    screen.prompts("2 waiting)>");
    let server = stopped.start();
    screen.shows("menu.pdf, 12.06 KiB");
    let shown = screen.prompts("alice@127.0.0.1>");
    let shown = with_short_path(&shown, &alice.path("menu.pdf"));
    let from = shown.find("connection lost").unwrap();
    check("docs/user-guide.md", "offline", &named(&shown[from..], &server, &alice));
}

#[test]
fn a_changed_key_is_told_as_in_the_user_guide() {
    let server = Server::start();
    let alice = Client::at(&["--server", &server.address.to_string()], None);
    alice.run(&["--accept-new", "--timeout", "60", "auth_register", "alice", "x"]);
    let stopped = server.terminate();
    std::fs::remove_dir_all(stopped.folder.path().join("cert")).unwrap();
    let server = stopped.start();
    let refused = alice.run(&["ls"]);
    let command = format!("$ qchat client --server {HOST} ls\n");
    let pins = alice.home().join("home").to_str().unwrap().to_owned();
    let printed = named(&refused.error, &server, &alice)
        .replace(&pins, "/home/alice")
        .replace("xdg_config_home", ".config");
    check("docs/user-guide.md", "changed key", &(command + &printed));
}

#[test]
fn the_terminal_of_the_readme_is_what_the_prompt_shows() {
    let server = Server::start();
    let bob = server.user("bob");
    let alice = newcomer(&server);
    sign_in_at_a_prompt(&alice);
    alice.write("menu.pdf", &[b'x'; 12_345]);
    let mut screen = Screen::open(&alice, &[]);
    screen.prompts("alice@127.0.0.1>");
    screen.resize(WIDE);
    screen.enter("send bob Lunch at noon?");
    screen.shows("sent @bob:1");
    bob.ok("inbox");
    screen.shows("✓ read: @bob:1");
    bob.ok("send alice Noon it is.");
    screen.shows("Noon it is.");
    screen.enter("send_file bob menu.pdf");
    screen.shows("menu.pdf, 12.06 KiB");
    screen.prompts("alice@127.0.0.1>");
    let stopped = server.kill9();
    screen.shows("connection lost");
    screen.prompts("(offline)>");
    screen.enter("send bob I bring the cake.");
    screen.prompts("1 waiting)>");
    let server = stopped.start();
    screen.shows("← send bob I bring the cake.");
    let shown = screen.prompts("alice@127.0.0.1>");
    let printed = format!("$ qchat client --server {HOST}\n{}", named(&shown, &server, &alice));
    check("README.md", "terminal", &printed);
}

/// Makes the account of alice, whose next prompt continues this session.
fn sign_in_at_a_prompt(alice: &Client) {
    let mut screen = Screen::open(alice, &[]);
    screen.prompts("127.0.0.1>");
    screen.enter(&format!("auth_register alice {PASSWORD}"));
    screen.shows("registered alice");
    screen.enter(&format!("auth_login alice {PASSWORD}"));
    screen.prompts("alice@127.0.0.1>");
    screen.enter("quit");
    assert_eq!(screen.ends(), 0);
}
