//! Servers that share a PostgreSQL database. The tests are skipped where none is installed.

use std::process::Command;

use crate::harness::{Client, LocalPostgres, Server, ServerFolder, shared_postgres, texts};

/// The arguments of a server of the database.
fn arguments<'a>(url: &'a str, node: &'a str) -> [&'a str; 4] {
    ["--store", url, "--node", node]
}

/// A folder with the key of another server.
fn folder_with_key_of(server: &Server) -> ServerFolder {
    let folder = ServerFolder::new();
    let cert = server.folder.path().join("cert");
    let copied = Command::new("cp").arg("-a").arg(cert).arg(folder.path()).status().unwrap();
    assert!(copied.success());
    folder
}

/// Two servers of one database.
fn pair(url: &str) -> (Server, Server) {
    let first = Server::with(&arguments(url, "first"));
    let second = Server::in_folder(folder_with_key_of(&first), &arguments(url, "second"));
    assert_eq!(first.fingerprint, second.fingerprint);
    (first, second)
}

#[test]
fn people_at_two_servers_of_a_database_write_to_each_other() {
    let Some(postgres) = shared_postgres() else { return };
    let (first, second) = pair(&postgres.database().0);
    let (alice, bob) = (first.user("alice"), second.user("bob"));
    alice.ok("send bob hi");
    assert_eq!(texts(&bob.ok("inbox")), ["hi"]);
    bob.ok("mkgr lab");
    alice.ok("join lab");
    alice.ok("sendgroup lab results");
    assert_eq!(texts(&bob.ok("inboxgroup lab")), ["results"]);
    assert!(second.visitor().refused("auth_register alice other-password") == "user_exists");
    // A session of one server is known to the other.
    let alice = alice.pointed_at(&[
        "--server",
        &second.address.to_string(),
        "--fingerprint",
        &second.fingerprint,
    ]);
    alice.ok("send bob again");
    assert_eq!(texts(&bob.ok("inbox --limit 10")), ["hi", "again"]);
}

#[test]
fn a_server_goes_on_by_itself_when_its_database_is_back() {
    let Some(mut postgres) = LocalPostgres::start("fsync=off") else { return };
    let server = Server::with(&arguments(&postgres.database().0, "only"));
    let alice = server.user("alice");
    let mut talk = alice.talk();
    talk.ok("send alice before");
    postgres.signal("KILL");
    talk.tell("send alice meanwhile");
    postgres.run_again();
    assert_eq!(talk.answer().unwrap()["ok"], true);
    talk.ok("send alice after");
    assert_eq!(texts(&talk.ok("inbox")), ["before", "meanwhile", "after"]);
}

#[test]
fn a_server_that_cannot_use_its_database_says_why_in_one_sentence() {
    let Some(postgres) = shared_postgres() else { return };
    let (url, _) = postgres.database();
    let server = Server::with(&arguments(&url, "first"));
    let nowhere = "postgres://me:secret@127.0.0.1:1/chat";
    for (folder, url, node, expected) in [
        (ServerFolder::new(), url.as_str(), "second", "give this server their key and certificate"),
        (folder_with_key_of(&server), &url, "first", "give this one another --node"),
        (ServerFolder::new(), nowhere, "second", "127.0.0.1:1"),
        (ServerFolder::new(), "postgres:///a?sslmode=x", "second", "sslmode"),
    ] {
        let ended = folder.refuses_to_start(&arguments(url, node));
        assert_eq!(ended.status, Some(1), "{ended:?}");
        assert_eq!(ended.error.trim().lines().count(), 1, "{ended:?}");
        assert!(ended.error.contains(expected) && !ended.error.contains("secret"), "{ended:?}");
    }
    let bob: Client = server.user("bob");
    bob.ok("send bob hi");
}
