//! Passwords: the wait after wrong ones, the answers, and the stored hashes.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use qchat_proto::command::{Login, Request};
use qchat_proto::frame;
use serde_json::Value;

use crate::harness::raw_quic::endpoint;
use crate::harness::{Client, PASSWORD, RawConnection, Server, in_time, text};

/// The number of wrong passwords of an address before a wait.
const FREE: usize = 5;

/// The repetitions of a line: more than the slowness of a machine can hide.
const REPETITIONS: usize = 12;

/// The number of measurements for a known and an unknown user, which is even.
fn timings() -> usize {
    std::env::var("QCHAT_TIMINGS").map_or(30, |times| times.parse().expect("a number"))
}

fn repeat(client: &Client, line: &str) -> Vec<Value> {
    client.lines(&[line; REPETITIONS])
}

fn count(answers: &[Value], code: &str) -> usize {
    answers.iter().filter(|answer| answer["error"]["code"] == code).count()
}

/// Checks that the first wrong passwords were refused as wrong, and the later ones as too many.
#[track_caller]
fn check_throttled(answers: &[Value]) {
    assert_eq!(count(&answers[..FREE], "bad_credentials"), FREE, "{answers:?}");
    let too_many = count(answers, "too_many_attempts");
    assert!(too_many > 0, "{answers:?}");
    assert_eq!(count(answers, "bad_credentials") + too_many, REPETITIONS, "{answers:?}");
    let refused = answers.iter().find(|answer| answer["error"]["code"] == "too_many_attempts");
    let message = text(&refused.unwrap()["error"]["message"]);
    let seconds = message.strip_prefix("too many wrong passwords: try again in ");
    let seconds = seconds.and_then(|rest| rest.strip_suffix(" s")).unwrap_or(message);
    assert!(seconds.parse::<u32>().is_ok_and(|seconds| seconds > 0), "{message}");
}

#[test]
fn too_many_wrong_passwords_are_refused_for_known_and_unknown_users() {
    for user in ["alice", "nobody"] {
        let server = Server::talkative(&[]);
        server.user("alice");
        let answers = repeat(&server.visitor(), &format!("auth_login {user} wrong"));
        check_throttled(&answers);
        // Each line was sent once: no client repeats a password by itself.
        let (log, _folder) = server.into_log();
        let asked = log.matches("refused command=\"Login\" code=\"too_many_attempts\"").count();
        assert_eq!(asked, count(&answers, "too_many_attempts"));
    }
}

#[test]
fn a_saved_session_works_at_an_address_with_too_many_wrong_passwords() {
    let server = Server::start();
    let alice = server.user("alice");
    alice.ok("ls");
    check_throttled(&repeat(&server.visitor(), "auth_login nobody wrong"));
    // This connection resumes the session.
    alice.ok("ls");
}

#[test]
fn the_old_password_of_a_password_change_cannot_be_guessed_either() {
    let server = Server::start();
    let alice = server.user("alice");
    alice.ok("ls");
    check_throttled(&repeat(&alice, "passwd wrong another"));
    alice.ok("ls");
}

#[test]
fn an_address_makes_a_limited_number_of_accounts_in_an_hour() {
    let server = Server::with(&["--accounts-per-hour", "3"]);
    let lines: Vec<_> =
        (0..REPETITIONS).map(|number| format!("auth_register user{number} {PASSWORD}")).collect();
    let answers = server.visitor().lines(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(answers[..3].iter().all(|answer| answer["ok"] == true), "{answers:?}");
    assert!(count(&answers, "too_many_registrations") > 0, "{answers:?}");
    server.visitor().ok(&format!("auth_login user0 {PASSWORD}"));
}

/// The time of the answer to a wrong password, and the bytes of the answer.
async fn timed(raw: &RawConnection, user: &str) -> (Duration, Vec<u8>) {
    let password = "wrong".to_owned().try_into().unwrap();
    let request: Request = Login { user: user.parse().unwrap(), password }.into();
    let (mut send, mut receive) = raw.stream().await;
    let begun = Instant::now();
    in_time(send.write_all(&frame::encode_frame(&request))).await.unwrap();
    send.finish().unwrap();
    let answer = in_time(receive.read_to_end(1024)).await.unwrap();
    (begun.elapsed(), answer)
}

/// The median and the 10th percentile, which a busy machine changes less than the mean.
fn median_and_tenth(times: &mut [Duration]) -> (Duration, Duration) {
    times.sort_unstable();
    (times[times.len() / 2], times[times.len() / 10])
}

/// Each address tries two known and two unknown users, which causes no wait.
#[tokio::test]
async fn an_unknown_user_takes_as_long_as_a_known_one_and_is_answered_with_the_same_bytes() {
    let server = Server::start();
    let known = ["alice", "bob", "carol", "dave"];
    known.iter().for_each(|name| drop(server.user(name)));
    let unknown = known.map(|name| format!("{name}-nobody"));
    let (mut times, mut bytes) = ([Vec::new(), Vec::new()], BTreeSet::new());
    for number in 0..timings() {
        let host = number / 2;
        let raw = endpoint(&format!("127.0.{}.{}", 1 + host / 250, 1 + host % 250));
        let raw = RawConnection::on(&raw, &server).await.unwrap();
        let mut users = [(0, known[number % 4]), (1, unknown[number % 4].as_str())];
        // The order of the users must not make a difference.
        users.rotate_left(number / 2 % 2);
        for (kind, user) in users {
            let (time, answer) = timed(&raw, user).await;
            times[kind].push(time);
            bytes.insert(answer);
        }
    }
    let [(known, known_tenth), (unknown, unknown_tenth)] =
        times.each_mut().map(|times| median_and_tenth(times));
    println!("median of {}: known {known:?}, unknown {unknown:?}", timings());
    println!("tenth: known {known_tenth:?}, unknown {unknown_tenth:?}");
    assert_eq!(bytes.len(), 1, "{bytes:?}");
    assert!(known < unknown * 3 && unknown < known * 3, "known {known:?}, unknown {unknown:?}");
}

/// The hash of the test password with 1 KiB less memory than today, as an older server would have stored it.
const WEAK: &str = "$argon2id$v=19$m=19455,t=2,p=1$PQjgIjqrKKLG+gNv3cFucg$kwKa0vPcAsk69AkP5kS4+EiqSLjQAdFXSliNtWYb+2k";
const STRONG: &str = "$argon2id$v=19$m=19456,t=2,p=1$";

/// The current hashes in a store, also the replaced ones.
fn strong_hashes(store: &[u8]) -> BTreeSet<&[u8]> {
    let found = store.windows(STRONG.len()).enumerate();
    let found = found.filter(|(_, bytes)| *bytes == STRONG.as_bytes());
    found.map(|(begin, _)| &store[begin..begin + WEAK.len()]).collect()
}

#[test]
fn the_hash_of_an_older_server_is_replaced_at_the_next_sign_in() {
    let server = Server::start();
    server.user("alice");
    let stopped = server.terminate();
    let file = stopped.folder.store();
    let store = std::fs::read(&file).unwrap();
    let first = *strong_hashes(&store).first().expect("a hash");
    let weakened: Vec<_> = replaced(&store, first, WEAK.as_bytes());
    assert!(strong_hashes(&weakened).is_empty());
    std::fs::write(&file, &weakened).unwrap();

    let server = stopped.start();
    let visitor = server.visitor();
    assert_eq!(visitor.refused("auth_login alice wrong"), "bad_credentials");
    visitor.ok(&format!("auth_login alice {PASSWORD}"));
    let stopped = server.terminate();
    let store = std::fs::read(&file).unwrap();
    let strong = strong_hashes(&store);
    assert_eq!(strong.len(), 1, "the hash was not replaced");
    assert!(!strong.contains(first));
    stopped.start().visitor().ok(&format!("auth_login alice {PASSWORD}"));
}

/// Replaces every `old` by a `new` of the same length.
fn replaced(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    assert_eq!(old.len(), new.len());
    let mut bytes = bytes.to_vec();
    let places: Vec<_> =
        bytes.windows(old.len()).enumerate().filter(|(_, part)| *part == old).collect();
    let places: Vec<_> = places.into_iter().map(|(place, _)| place).collect();
    for place in places {
        bytes[place..place + new.len()].copy_from_slice(new);
    }
    bytes
}
