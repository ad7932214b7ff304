//! Registration, sign-in and sign-out.

use std::time::Instant;

use crate::harness::{DEADLINE, PASSWORD, Server, Talk, items, keys, text};

#[test]
fn registration_and_sign_in_print_the_user_and_no_secret() {
    let server = Server::start();
    let lines = [
        format!("auth_register alice {PASSWORD}"),
        format!("auth_login alice {PASSWORD}"),
        "auth_logout".to_owned(),
    ];
    let answers = server.visitor().lines(&lines.each_ref().map(String::as_str));
    for (answer, command) in answers.iter().zip(["auth_register", "auth_login", "auth_logout"]) {
        assert_eq!(answer["command"], command);
        assert_eq!(answer["ok"], true);
    }
    assert_eq!(keys(&answers[0]), ["command", "ok", "user"]);
    assert_eq!(keys(&answers[1]), ["command", "ok", "user"]);
    assert_eq!(keys(&answers[2]), ["command", "ok"]);
    assert_eq!(answers[0]["user"], "alice");
    assert_eq!(answers[1]["user"], "alice");
}

#[test]
fn capitals_are_folded() {
    let server = Server::start();
    let answers = server.visitor().lines(&[
        &format!("auth_register Alice.B {PASSWORD}"),
        &format!("auth_login ALICE.b {PASSWORD}"),
    ]);
    assert_eq!(answers[0]["user"], "alice.b");
    assert_eq!(answers[1]["user"], "alice.b");
}

#[test]
fn a_registered_account_is_not_signed_in_yet() {
    let server = Server::start();
    let answers = server.visitor().lines(&[&format!("auth_register alice {PASSWORD}"), "ls"]);
    assert_eq!(answers[1]["error"]["code"], "not_logged_in");
}

#[test]
fn a_signed_in_user_cannot_register_or_sign_in() {
    let server = Server::start();
    let _bob = server.user("bob");
    let alice = server.user("alice");
    // Without a saved session, a line that registers would run signed out.
    alice.ok("ls");
    assert_eq!(alice.refused(&format!("auth_register carol {PASSWORD}")), "already_logged_in");
    assert_eq!(alice.refused(&format!("auth_login bob {PASSWORD}")), "already_logged_in");
    assert_eq!(alice.refused(&format!("auth_login alice {PASSWORD}")), "already_logged_in");
    let answers = alice.lines(&["auth_logout", &format!("auth_login bob {PASSWORD}"), "ls"]);
    assert_eq!(answers[1]["user"], "bob");
    assert_eq!(answers[2]["users"][0]["name"], "alice");
}

#[test]
fn a_name_has_one_owner() {
    let server = Server::start();
    let _alice = server.user("alice");
    let visitor = server.visitor();
    assert_eq!(visitor.refused("auth_register alice another password"), "user_exists");
    assert_eq!(visitor.refused("auth_register ALICE another password"), "user_exists");
    let answers = visitor.lines(&["auth_login alice another password"]);
    assert_eq!(answers[0]["error"]["code"], "bad_credentials");
}

#[test]
fn a_name_outside_the_rule_gets_the_rule() {
    let server = Server::start();
    let long = "a".repeat(33);
    for name in [".a", "a.", "-a", "_", "a/b", "../a", "a:b", "\u{e9}", "a\u{1b}[2J", &long] {
        let line = format!("auth_register {name} {PASSWORD}");
        let answer = server.visitor().lines(&[&line]).remove(0);
        assert_eq!(answer["error"]["code"], "invalid_name", "{name:?}");
        let message = text(&answer["error"]["message"]);
        assert!(message.contains("1 to 32") && message.contains("a-z"), "{message}");
    }
    let longest = "a".repeat(32);
    for name in ["a", "7", "a.b_c-d", &longest] {
        server.visitor().ok(&format!("auth_register {name} {PASSWORD}"));
    }
}

#[test]
fn a_short_password_is_refused_only_by_a_server_with_a_longer_minimum() {
    let strict = Server::with(&["--password-min", "12"]);
    assert_eq!(strict.visitor().refused("auth_register alice elevenchars"), "weak_password");
    // This password has twelve characters, and one of them has two bytes.
    strict.visitor().ok("auth_register alice zw\u{f6}lfzeichen");
    assert_eq!(
        strict.visitor().refused("auth_register bob \u{e4}\u{f6}\u{fc}\u{e4}\u{f6}\u{fc}"),
        "weak_password"
    );
    let lenient = Server::start();
    lenient.visitor().ok("auth_register alice x");
}

#[test]
fn a_wrong_password_and_an_unknown_user_get_the_same_answer() {
    let server = Server::start();
    let _alice = server.user("alice");
    let wrong = server.visitor().lines(&["auth_login alice wrong"]).remove(0);
    let unknown = server.visitor().lines(&["auth_login nobody wrong"]).remove(0);
    assert_eq!(wrong["error"]["code"], "bad_credentials");
    assert_eq!(wrong, unknown);
}

#[test]
fn a_password_is_the_rest_of_the_line() {
    let server = Server::start();
    let password = "it's  \"a\" pass phrase \u{1f980}";
    let visitor = server.visitor();
    visitor.ok(&format!("auth_register alice {password}"));
    assert_eq!(
        visitor.refused("auth_login alice it's \"a\" pass phrase \u{1f980}"),
        "bad_credentials"
    );
    visitor.ok(&format!("auth_login alice {password}"));
}

#[test]
fn the_list_of_users_has_the_other_users_and_their_presence() {
    let server = Server::start();
    let alice = server.user("alice");
    let _carol = server.user("carol");
    let mut bob = server.user("bob").talk();
    bob.ok("ls");

    let answer = alice.ok("ls");

    assert_eq!(keys(&answer), ["command", "ok", "users"]);
    let users = items(&answer["users"]);
    assert_eq!(users.len(), 2, "{answer}");
    assert_eq!(keys(&users[0]), ["name", "online"]);
    assert_eq!(users[0]["name"], "bob");
    assert_eq!(users[0]["online"], true);
    assert_eq!(users[1]["name"], "carol");
    assert_eq!(users[1]["online"], false);
    assert_eq!(bob.ok("ls")["users"][0]["name"], "alice");
}

/// Repeats the query until bob is as online as expected, because a server learns of a close a moment later.
#[track_caller]
fn sees_bob(alice: &mut Talk, online: bool) {
    let until = Instant::now() + DEADLINE;
    while alice.ok("ls")["users"][0]["online"] != online {
        assert!(Instant::now() < until, "bob's online is never {online}");
    }
}

#[test]
fn a_user_who_has_left_is_offline() {
    let server = Server::start();
    let mut alice = server.user("alice").talk();
    let bob = server.user("bob");
    bob.ok("ls");
    sees_bob(&mut alice, false);
    let mut here = bob.talk();
    here.ok("ls");
    assert_eq!(alice.ok("ls")["users"][0]["online"], true);
    here.ok("auth_logout");
    assert_eq!(alice.ok("ls")["users"][0]["online"], false);
}

#[test]
fn a_user_with_two_devices_is_online_until_both_have_left() {
    let server = Server::start();
    let mut alice = server.user("alice").talk();
    let bob = server.user("bob");
    let mut phone = bob.talk();
    phone.ok("ls");
    let mut desk = server.client_of("bob").talk();
    desk.ok("ls");
    desk.ok("auth_logout");
    assert_eq!(alice.ok("ls")["users"][0]["online"], true);
    drop(desk);
    phone.ok("auth_logout");
    sees_bob(&mut alice, false);
}
