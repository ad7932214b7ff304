//! A signed-out prompt, whose connection the server closes after some time.

use crate::harness::{Client, PASSWORD, Screen, Server, UdpRelay};

/// The log message about a closed connection on which nobody has signed in.
const ENDED: &str = "nobody has signed in";

fn server_of_alice() -> (Server, Client) {
    let server = Server::talkative(&[]);
    let alice = server.user("alice");
    (server, alice)
}

#[track_caller]
fn check_quiet(shown: &str) {
    for word in ["lost", "again", "offline", "reconnecting"] {
        assert!(!shown.contains(word), "{word} in:\n{shown}");
    }
}

#[test]
fn a_signed_out_prompt_connects_again_when_a_line_needs_it() {
    let (mut server, _alice) = server_of_alice();
    let mut screen = Screen::open(&server.visitor(), &[]);
    check_quiet(&screen.prompts(""));
    server.logged(ENDED);
    screen.press("half a li");
    check_quiet(&screen.shows("half a li"));
    screen.press("\u{15}");
    screen.enter(&format!("auth_login alice {PASSWORD}"));
    check_quiet(&screen.prompts("alice"));
    screen.enter("auth_logout");
    screen.shows("signed out");
    server.logged(ENDED);
    screen.enter("ls");
    check_quiet(&screen.shows("not signed in"));
}

#[test]
fn a_new_password_may_be_typed_after_a_long_time() {
    let mut server = Server::talkative(&[]);
    let mut screen = Screen::open(&server.visitor(), &[]);
    screen.prompts("");
    screen.enter("auth_register bob");
    screen.shows("assword");
    server.logged(ENDED);
    screen.enter_unseen(PASSWORD);
    screen.shows("the same again");
    screen.enter_unseen(PASSWORD);
    let shown = screen.prompts("");
    assert!(!shown.contains("lost") && !shown.contains("trying"), "{shown}");
    server.visitor().ok(&format!("auth_login bob {PASSWORD}"));
}

#[test]
fn a_password_may_be_typed_slowly() {
    let (mut server, _alice) = server_of_alice();
    let mut screen = Screen::open(&server.visitor(), &[]);
    screen.prompts("");
    screen.enter("auth_login alice");
    screen.shows("password of alice:");
    server.logged(ENDED);
    screen.enter_unseen(PASSWORD);
    check_quiet(&screen.prompts("alice"));
}

#[test]
fn a_password_is_asked_for_once_although_the_connection_is_lost_meanwhile() {
    let (server, _alice) = server_of_alice();
    let relay = UdpRelay::to(server.address);
    let visitor = server.visitor().pointed_at(&["--server", &relay.address.to_string()]);
    for (line, prompts, outcome) in [
        ("auth_register bob", &["password for bob:", "the same again:"][..], "registered"),
        ("auth_login alice", &["password of alice:"][..], "signed in"),
    ] {
        let mut screen = Screen::open(&visitor, &[]);
        screen.prompts("");
        screen.enter(line);
        screen.shows(prompts[0]);
        relay.cut();
        for prompt in prompts {
            screen.shows(prompt);
            screen.enter_unseen(PASSWORD);
        }
        screen.shows("trying again");
        relay.mend();
        let shown = screen.shows(outcome);
        assert_eq!(shown.matches(prompts[0]).count(), 1, "{shown}");
    }
}

#[test]
fn the_password_of_the_user_on_the_command_line_may_be_typed_slowly() {
    let (mut server, alice) = server_of_alice();
    let mut screen = Screen::open(&alice, &[]);
    screen.shows("password of alice:");
    server.logged(ENDED);
    screen.enter_unseen(PASSWORD);
    check_quiet(&screen.prompts("alice"));
    screen.enter("ls_group");
    check_quiet(&screen.prompts("alice"));
}

#[test]
fn a_script_that_pauses_while_signed_out_continues() {
    let (mut server, _alice) = server_of_alice();
    let mut talk = server.visitor().talk();
    assert_eq!(talk.done("ls")["error"]["code"], "not_logged_in");
    server.logged(ENDED);
    talk.ok(&format!("auth_login alice {PASSWORD}"));
    talk.ok("ls");
    assert_eq!(talk.finish().error, "");
}
