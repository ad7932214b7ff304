//! A data folder of an earlier version is used on, with all that is in it.

use serde_json::Value;

use crate::harness::{Server, ServerFolder, items};

/// The store of version 0.1.0, in format 1: 40 messages of alice to bob, and 37 in a group, with files. The password of
/// each user is `pw-` and the name.
const FORMAT_1: &[u8] = include_bytes!("../corpus/format1/qchat.redb");

fn server_with(store: &[u8]) -> Server {
    let folder = ServerFolder::new();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    std::fs::write(folder.path().join("data/qchat.redb"), store).unwrap();
    Server::in_folder(folder, &[])
}

/// The texts of the messages, and a word for each file.
fn shown(answer: &Value) -> Vec<String> {
    let messages = items(&answer["messages"]).iter();
    messages.map(|message| message["text"].as_str().unwrap_or("a file").to_owned()).collect()
}

#[test]
fn a_store_of_format_1_has_all_its_messages() {
    let server = server_with(FORMAT_1);
    let line = |user: &str| format!("auth_login {user} pw-{user}");
    let told = server.visitor().lines(&[
        &line("bob"),
        "inbox --limit 50",
        "inboxgroup lab --limit 50",
        "send alice after",
    ]);
    let sent = (1..=40).map(|number| format!("message {number}"));
    let all = sent.chain(["a file".to_owned(), "a file".to_owned()]);
    assert_eq!(shown(&told[1]), all.collect::<Vec<_>>());
    assert_eq!(shown(&told[2]).len(), 38);
    assert_eq!(told[3]["message"]["id"], "@alice:46");
    let told = server.visitor().lines(&[&line("alice"), "inbox", "send bob again"]);
    let unread: Vec<_> = shown(&told[1]);
    assert_eq!(unread, ["an answer", "a note", "unread answer", "after"]);
    // His own three messages are in his log too.
    assert_eq!(told[2]["message"]["id"], "@bob:46");
    // The next start finds the new format.
    let server = server.kill9().start();
    let told = server.visitor().lines(&[&line("bob"), "inbox --unread"]);
    assert_eq!(shown(&told[1]), ["again"]);
}
