//! The state of a client is found under each list of addresses.

use crate::harness::{Client, PASSWORD, Screen, Server, UdpRelay, items, texts, until};
use crate::server::identity::pinned;

use super::Addresses;

/// The number of sessions of the user.
#[track_caller]
fn sessions(client: &Client) -> usize {
    items(&client.ok("sessions")["sessions"]).len()
}

#[test]
fn a_session_is_found_whichever_address_answers_and_is_named() {
    let server = Server::start();
    let (first, addresses) = (server.address.to_string(), Addresses::of(&server));
    server.user("alice");
    let at = |client: Client, list: &str| client.pointed_at(&["--server", list, "--accept-new"]);
    let alice = at(server.client_of("alice"), &first);
    assert_eq!(sessions(&alice), 1);
    let alice = at(alice, &addresses.both);
    assert_eq!(sessions(&alice), 1);
    let Addresses { second, .. } = &addresses;
    assert_eq!(
        pinned(&alice),
        [&first, second].map(|address| format!("{address} {}", server.fingerprint))
    );
    let _server = server.kill9().start_at(second);
    let alice = at(alice, &addresses.both);
    assert_eq!(sessions(&alice), 1);
    let alice = at(alice, second);
    assert_eq!(sessions(&alice), 1);
    let alice = at(alice, &format!("{second},{first}"));
    assert_eq!(sessions(&alice), 1);
}

#[test]
fn lines_that_wait_are_sent_under_any_list_of_the_server() {
    let server = Server::start();
    let (visitor, bob) = (server.visitor(), server.user("bob"));
    let addresses = Addresses::of(&server);
    let visitor = addresses.given_to(visitor, &server);
    visitor.ok(&format!("auth_register alice {PASSWORD}"));
    let mut screen = Screen::open(&visitor, &[]);
    screen.prompts("");
    screen.enter(&format!("auth_login alice {PASSWORD}"));
    screen.prompts("alice@127.0.0.1>");
    let stopped = server.kill9();
    screen.shows("connection lost; trying again");
    screen.enter("send bob later");
    screen.prompts("1 waiting)>");
    screen.enter("quit");
    assert_eq!(screen.ends(), 0);
    let server = stopped.start_at(&addresses.second);
    let reversed = addresses.both.split(',').rev().collect::<Vec<_>>().join(",");
    let visitor =
        visitor.pointed_at(&["--server", &reversed, "--fingerprint", &server.fingerprint]);
    let screen = Screen::open(&visitor, &[]);
    screen.shows("sent @bob:1 ← send bob later");
    let bob =
        bob.pointed_at(&["--server", &addresses.second, "--fingerprint", &server.fingerprint]);
    assert_eq!(texts(&bob.ok("inbox")), ["later"]);
}

#[test]
fn the_last_good_address_is_tried_first_in_the_next_run() {
    let server = Server::start();
    let relay = UdpRelay::to(server.address);
    let list = format!("{},{}", relay.address, server.address);
    let alice = server.user("alice");
    let alice = alice.pointed_at(&["--server", &list, "--fingerprint", &server.fingerprint]);
    relay.cut();
    alice.ok("ls");
    relay.mend();
    // On a busy machine, the address that is tried second may answer first.
    until("a run uses the last good address", || {
        alice.ok("whoami")["server"] == server.address.to_string()
    });
}
