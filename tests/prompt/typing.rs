//! The prompt: typed lines, and the text on the screen.

use crate::harness::{Client, PASSWORD, Screen, Server, files_below};

/// A prompt at which alice is signed in.
fn as_alice(server: &Server) -> (Client, Screen) {
    server.visitor().ok(&format!("auth_register alice {PASSWORD}"));
    let client = server.visitor();
    let mut screen = Screen::open(&client, &[]);
    screen.prompts("");
    screen.enter(&format!("auth_login alice {PASSWORD}"));
    screen.prompts("alice");
    (client, screen)
}

#[test]
fn the_prompt_shows_the_signed_in_user() {
    let server = Server::start();
    let (_client, mut screen) = as_alice(&server);
    screen.enter("auth_logout");
    screen.shows("signed out");
    screen.enter("ls");
    screen.shows("not signed in");
    screen.enter("quit");
    assert_eq!(screen.ends(), 0);
}

#[test]
fn lines_that_are_typed_ahead_of_the_prompt_are_not_lost() {
    let server = Server::start();
    let (_client, mut screen) = as_alice(&server);
    screen.press("mkgr one\rmkgr two\rmkgr three\r");
    screen.shows("made the group three");
    screen.prompts("alice");
    screen.enter("ls_group");
    screen.shows("two    1 member");
}

#[test]
fn a_saved_session_opens_the_prompt() {
    let server = Server::start();
    let alice = server.user("alice");
    alice.ok("ls");
    let screen = Screen::open(&alice, &[]);
    screen.prompts("alice");
}

#[test]
fn help_lists_the_commands_and_explains_one() {
    let server = Server::start();
    let mut screen = Screen::open(&server.visitor(), &[]);
    screen.prompts("");
    screen.enter("help");
    let help = screen.shows("leave");
    for command in ["auth_register", "send_file", "downloadgroup_file", "inbox", "ls_member"] {
        assert!(help.contains(command), "{command} is not in:\n{help}");
    }
    screen.enter("help sendgroup");
    screen.shows("sendgroup GROUP MESSAGE");
}

#[test]
fn a_wrong_command_gets_a_similar_one_as_a_hint() {
    let server = Server::start();
    let (_client, mut screen) = as_alice(&server);
    screen.enter("inbxo");
    screen.shows("did you mean inbox");
    screen.enter("xyzzy");
    screen.shows("unknown command: xyzzy");
    screen.enter("mkgr");
    screen.shows("mkgr GROUP");
}

#[test]
fn two_users_can_chat() {
    let server = Server::start();
    let (_client, mut screen) = as_alice(&server);
    let bob = server.user("bob");
    screen.enter("send bob it's  \"fine\"");
    screen.prompts("alice");
    assert_eq!(crate::harness::texts(&bob.ok("inbox")), ["it's  \"fine\""]);
    bob.ok("send alice good to hear");
    screen.enter("inbox");
    // The message may have appeared by itself before.
    screen.prompts("alice");
    let shown = screen.shows("good to hear");
    assert!(shown.contains("bob"), "{shown}");
    screen.enter("ls");
    screen.shows("bob");
}

#[test]
fn a_password_is_asked_for_without_echo() {
    let server = Server::start();
    let _alice = server.user("alice");
    let mut screen = Screen::open(&server.visitor(), &[]);
    screen.prompts("");
    screen.enter("auth_login alice");
    screen.shows("assword");
    screen.enter_unseen(PASSWORD);
    screen.prompts("alice");
    assert!(!screen.raw().contains(PASSWORD), "the password was shown");
}

#[test]
fn a_new_account_gets_its_password_without_echo() {
    let server = Server::start();
    let mut screen = Screen::open(&server.visitor(), &[]);
    screen.prompts("");
    screen.enter("auth_register alice");
    screen.shows("assword");
    screen.enter_unseen(PASSWORD);
    // The password is asked for twice, because a typing error would lock the user out.
    screen.shows("again");
    screen.enter_unseen(PASSWORD);
    screen.prompts("");
    assert!(!screen.raw().contains(PASSWORD), "the password was shown");
    server.visitor().ok(&format!("auth_login alice {PASSWORD}"));
}

#[test]
fn a_user_on_the_command_line_is_asked_for_the_password() {
    let server = Server::start();
    let alice = server.user("alice");
    let mut screen = Screen::open(&alice, &[]);
    screen.shows("assword");
    screen.enter_unseen(PASSWORD);
    screen.prompts("alice");
    assert!(!screen.raw().contains(PASSWORD), "the password was shown");
}

#[test]
fn no_file_in_the_home_folder_contains_a_password_or_a_line_with_one() {
    let server = Server::start();
    let (client, mut screen) = as_alice(&server);
    screen.enter("ls_group");
    screen.prompts("alice");
    screen.enter(&format!("auth_register carol {PASSWORD}"));
    screen.shows("already signed in");
    screen.enter(&format!("  auth_login alice {PASSWORD}"));
    screen.prompts("alice");
    screen.enter("passwd hunter2 hunter3");
    screen.shows("wrong user name or password");
    screen.enter("quit");
    assert_eq!(screen.ends(), 0);
    let mut remembered = String::new();
    for file in files_below(client.home()) {
        remembered += &String::from_utf8_lossy(&std::fs::read(file).unwrap());
    }
    assert!(remembered.contains("ls_group"), "the history was not written");
    assert!(!remembered.contains("auth_"), "{remembered}");
    assert!(!remembered.contains("hunter"), "{remembered}");
    assert!(!remembered.contains(PASSWORD), "{remembered}");
}

#[test]
fn a_password_is_changed_without_echo() {
    let server = Server::start();
    let (_client, mut screen) = as_alice(&server);
    screen.enter("passwd");
    screen.shows("password of alice:");
    screen.enter_unseen(PASSWORD);
    screen.shows("new password for alice:");
    screen.enter_unseen("sesame open");
    screen.shows("the same again:");
    screen.enter_unseen("sesame open");
    screen.shows("password changed");
    assert!(!screen.raw().contains("sesame"), "the new password was shown");
    screen.prompts("alice");
    server.visitor().ok("auth_login alice sesame open");
}

#[test]
fn a_session_that_was_ended_elsewhere_is_reported_at_the_prompt() {
    let server = Server::start();
    let (_client, screen) = as_alice(&server);
    server.client_of("alice").ok("auth_logout --all");
    screen.shows("the session has ended");
}

#[test]
fn the_history_is_available_in_the_next_session() {
    let server = Server::start();
    let (client, mut screen) = as_alice(&server);
    screen.enter("help leave");
    screen.prompts("alice");
    screen.enter("quit");
    screen.ends();
    let mut screen = Screen::open(&client, &[]);
    screen.prompts("");
    // Presses the up key until the history is past the line that ended the session.
    screen.press("\u{1b}[A");
    let mut shown = screen.shows_either("help leave", "> quit");
    if shown.trim_end().ends_with("quit") {
        screen.press("\u{1b}[A");
        shown = screen.shows("help leave");
    }
    assert!(shown.contains("help leave"));
}

#[test]
fn ctrl_d_ends_the_session() {
    let server = Server::start();
    let mut screen = Screen::open(&server.visitor(), &[]);
    screen.prompts("");
    screen.press("\u{4}");
    assert_eq!(screen.ends(), 0);
}

#[test]
fn a_command_is_completed() {
    let server = Server::start();
    let mut screen = Screen::open(&server.visitor(), &[]);
    screen.prompts("");
    screen.press("downloadg\t");
    screen.shows("downloadgroup_file");
}
