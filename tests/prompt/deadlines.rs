//! `--timeout`: one time limit for each line, reported as it is set. The unit tests check its exact value
//! with a clock of their own.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::harness::{Client, DEADLINE, Server, text};

#[test]
fn every_line_without_a_server_fails_with_the_right_time() {
    let nobody = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap().to_string();
    let key = format!("SHA256:{}", "A".repeat(43));
    let client =
        Client::at(&["--server", &address, "--fingerprint", &key, "--timeout", "1"], Some("alice"));
    let begun = Instant::now();
    let ended = client.run_with_input(&[], b"send bob one\nsend bob two\nls\n");
    assert_eq!(ended.status, Some(3), "{ended:?}");
    let told: Vec<_> = ended.error.lines().collect();
    assert_eq!(told.len(), 3, "one sentence for each line: {ended:?}");
    for line in told {
        assert!(line.contains("no qchat server answers at 127.0.0.1:"), "{line}");
        assert!(line.contains("tried for 1 s"), "{line}");
    }
    assert!(begun.elapsed() < DEADLINE);
}

#[test]
fn each_line_to_a_stopped_server_has_a_time_limit_of_its_own() {
    let server = Server::start();
    let client = Client::new(server.address, &server.fingerprint, None);
    client.ok("auth_register alice x");
    let alice = client.pointed_at(&[
        "--server",
        &server.address.to_string(),
        "--fingerprint",
        &server.fingerprint,
        "--timeout",
        "2",
    ]);
    let mut talk = alice.talk();
    talk.ok("auth_login alice x");
    server.signal(Signal::STOP);
    for line in ["send alice 1", "send alice 2", "ls"] {
        let answer = talk.done(line);
        let told = text(&answer["error"]["message"]).to_owned();
        assert!(told.contains("for 2 s") || told.contains("within 2 s"), "{line}: {told}");
    }
    // Concurrent texts have their time limits one after the other.
    let lines = ["send alice 3", "send alice 4"];
    lines.iter().for_each(|line| talk.tell(line));
    let begun = Instant::now();
    for line in lines {
        let told = talk.answer().expect("an answer")["error"]["message"].to_string();
        assert!(told.contains("for 2 s") || told.contains("within 2 s"), "{line}: {told}");
    }
    assert!(begun.elapsed() > Duration::from_secs(3), "{:?}", begun.elapsed());
    server.signal(Signal::CONT);
    talk.ok("send alice 5");
}
