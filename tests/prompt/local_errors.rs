//! Errors that a wait cannot repair: they are reported at once with the remedy, and not repeated.

use std::os::unix::fs::symlink;
use std::process::Command;

use crate::harness::{
    Client, Ended, PROGRAM, Running, Server, ServerFolder, clean_environment, text,
};

/// Checks that a client prints one sentence with these words, and does not try again.
#[track_caller]
fn check_told_at_once(ended: &Ended, words: &[&str]) {
    assert_eq!(ended.status, Some(3), "{ended:?}");
    assert_eq!(ended.error.lines().count(), 1, "one sentence: {ended:?}");
    for word in words {
        assert!(ended.error.contains(word), "{word:?} is not in: {ended:?}");
    }
    assert!(!ended.error.contains("tried for"), "{ended:?}");
}

fn client_of(server: &str) -> Client {
    Client::at(&["--server", server, "--accept-new", "--timeout", "600"], Some("alice"))
}

#[test]
fn an_unspecified_address_is_refused_with_the_remedy() {
    for server in ["[::]:4477", "0.0.0.0:4477"] {
        let ended = client_of(server).run(&["ls"]);
        check_told_at_once(&ended, &[server, "localhost:4477"]);
    }
}

#[test]
fn a_home_folder_in_which_no_key_can_be_pinned_is_a_warning_and_no_failure() {
    let server = Server::start();
    let alice = server.user("alice");
    let alice = alice.pointed_at(&["--server", &server.address.to_string(), "--accept-new"]);
    let folder = alice.home().join("home/xdg_config_home/qchat");
    std::fs::create_dir_all(&folder).unwrap();
    // Writing needs a lock file, in whose place a link is refused. Reading does not.
    symlink("elsewhere", folder.join("known_servers.lock")).unwrap();
    let ended = alice.run(&["--json", "send", "alice", "hi"]);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_eq!(ended.json()[0]["message"]["text"], "hi");
    for word in ["it is not remembered", "known_servers cannot be written", &server.fingerprint] {
        assert!(ended.error.contains(word), "{word:?} is not in: {ended:?}");
    }
}

#[test]
fn a_key_that_could_not_be_pinned_is_trusted_for_the_rest_of_the_run() {
    let server = Server::start();
    let alice = server.user("alice");
    let alice = alice.pointed_at(&["--server", &server.address.to_string(), "--accept-new"]);
    let folder = alice.home().join("home/xdg_config_home/qchat");
    std::fs::create_dir_all(&folder).unwrap();
    symlink("elsewhere", folder.join("known_servers.lock")).unwrap();
    let mut talk = alice.talk();
    talk.ok("send alice hi");
    let stopped = server.terminate();
    for file in ["cert/cert.pem", "cert/key.pem"] {
        std::fs::remove_file(stopped.folder.path().join(file)).unwrap();
    }
    let _server = stopped.start();
    let answer = talk.done("send alice again");
    assert_eq!(text(&answer["error"]["code"]), "identity", "{answer}");
}

#[test]
fn the_first_address_that_a_server_prints_can_be_used() {
    let folder = ServerFolder::new();
    let mut command = Command::new(PROGRAM);
    command.args(["server", "--listen", "[::]:0"]).current_dir(folder.path());
    clean_environment(&mut command, folder.path());
    let mut running = Running::start(&mut command);
    let line = running.error_line().expect("a first line");
    let address = line.strip_prefix("qchat server is ready on ").expect(&line);
    let address = address.split(" (UDP)").next().unwrap();
    let visitor = Client::at(&["--server", address, "--accept-new"], None);
    visitor.ok("auth_register alice x");
}
