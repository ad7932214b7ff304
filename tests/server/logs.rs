//! Text from clients is logged, and cannot look like a log line of the server.

use qchat_proto::ClientId;
use qchat_proto::command::{Register, Users};
use quinn::VarInt;

use crate::corpus;
use crate::harness::{PASSWORD, RawConnection, Server};

/// A text with the form of a log line.
const FORGED: &str = "2026-11-23T17:40:07.123456Z  INFO account made user=forged";

/// Sends hostile text in all places that a signed-out client can use: the reason of a close, and garbage.
async fn talk(server: &Server) {
    let raw = RawConnection::connect(server).await;
    let (user, password) = ("alice".parse().unwrap(), PASSWORD.to_owned().try_into().unwrap());
    raw.ask(Register { id: ClientId::random(), user, password }).await.unwrap();
    let attacks = corpus::read(include_str!("../corpus/attacks.txt"));
    let some = attacks.iter().filter(|attack| attack.len() < 150).step_by(9);
    for attack in some {
        let raw = RawConnection::connect(server).await;
        raw.ask(Users { after: None }).await.unwrap_err();
        let (mut send, _receive) = raw.stream().await;
        send.write_all(attack).await.unwrap();
        send.finish().unwrap();
        let json = br#"", "level": "INFO", "user": "forged"}"#;
        let reason =
            [attack.as_slice(), b"\n", FORGED.as_bytes(), b"\r\n", json, b"\n", attack].concat();
        raw.connection.close(VarInt::from_u32(7), &reason);
    }
    // Everything that was sent before has arrived.
    let raw = RawConnection::connect(server).await;
    raw.ask(Users { after: None }).await.unwrap_err();
}

/// Whether a character controls a terminal, or changes the order of the text.
fn acts(character: char) -> bool {
    character != '\n'
        && (character.is_control()
            || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
            || matches!(character, '\u{feff}' | '\u{e0000}'..='\u{e007f}'))
}

#[track_caller]
fn check(log: &str, is_ours: impl Fn(&str) -> bool) {
    assert!(log.contains("forged"), "what was said is not logged: {log}");
    for line in log.lines() {
        assert!(is_ours(line), "{line:?}");
        assert!(!line.chars().any(acts), "{line:?}");
    }
}

#[tokio::test]
async fn a_text_log_has_no_line_made_by_a_client() {
    let server = Server::logging("debug", "text");
    talk(&server).await;
    let (log, _) = server.into_log();
    // An example of a line is `2026-11-23T17:40:07.123456Z  INFO account made user=alice`.
    let is_ours = |line: &str| {
        let (time, rest) = line.split_once("Z ").unwrap_or_default();
        let level = rest.trim_start().split(' ').next();
        time.len() == 26 && matches!(level, Some("DEBUG" | "INFO" | "WARN"))
    };
    check(&log, is_ours);
    let said = log.lines().filter(|line| line.split_whitespace().nth(1) == Some("INFO"));
    let made: Vec<_> = said.filter_map(|line| line.split_once("INFO account made ")).collect();
    let made: Vec<_> = made.into_iter().map(|(_, user)| user).collect();
    assert_eq!(made, ["user=alice"]);
}

#[tokio::test]
async fn a_json_log_has_no_line_made_by_a_client() {
    let server = Server::logging("debug", "json");
    talk(&server).await;
    let (log, _) = server.into_log();
    let object = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap_or_default();
    check(&log, |line| object(line).get("timestamp").is_some());
    let made = log.lines().map(object).filter(|line| line["message"] == "account made");
    let users: Vec<_> = made.map(|line| line["user"].clone()).collect();
    assert_eq!(users, ["alice"]);
}
