//! Saved sessions across processes, restarts and devices.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use crate::harness::{Client, PASSWORD, Running, Server, files_below, items, text, texts};

/// Runs `ls` without a password, and returns the exit status.
fn status_without_password(client: &Client) -> Option<i32> {
    let mut command = client.command();
    command.env_remove("QCHAT_PASSWORD").args(["--json", "ls"]);
    Running::start(&mut command).finish().status
}

#[test]
fn a_session_is_used_again_by_the_next_process() {
    let server = Server::start();
    let alice = server.user("alice");
    assert_ne!(status_without_password(&alice), Some(0));
    alice.ok("ls");
    assert_eq!(status_without_password(&alice), Some(0));
    assert_eq!(status_without_password(&alice), Some(0));
}

#[test]
fn a_session_survives_a_restart_of_the_server() {
    let server = Server::start();
    let alice = server.user("alice");
    alice.ok("ls");
    let server = server.terminate().start();
    assert_eq!(status_without_password(&alice), Some(0));
    let _server = server.kill9().start();
    assert_eq!(status_without_password(&alice), Some(0));
}

#[test]
fn a_session_that_was_signed_out_cannot_be_resumed() {
    let server = Server::start();
    let alice = server.user("alice");
    alice.ok("ls");
    // A copy of the session file, as a thief would have it.
    let stolen: Vec<_> = files_below(alice.home())
        .into_iter()
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect();
    alice.ok("auth_logout");
    assert_ne!(status_without_password(&alice), Some(0));
    for (path, bytes) in stolen {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    }
    assert_ne!(status_without_password(&alice), Some(0));
    alice.ok("ls");
}

#[test]
fn a_sign_out_on_one_device_leaves_the_other_signed_in() {
    let server = Server::start();
    let alice = server.user("alice");
    let phone = server.client_of("alice");
    alice.ok("ls");
    phone.ok("ls");
    alice.ok("auth_logout");
    assert_eq!(status_without_password(&phone), Some(0));
}

#[test]
fn a_second_login_keeps_the_first_session() {
    let server = Server::start();
    let mut alice = server.user("alice").talk();
    alice.ok("ls");
    let phone = server.client_of("alice");
    phone.ok("send alice from my phone");
    assert_eq!(texts(&alice.ok("inbox")), ["from my phone"]);
}

#[test]
fn only_the_owner_can_read_the_file_of_a_saved_session() {
    let server = Server::start();
    let alice = server.user("alice");
    alice.ok("ls");
    let files = files_below(alice.home());
    assert!(!files.is_empty());
    for file in files {
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", file.display());
        let content = String::from_utf8_lossy(&std::fs::read(&file).unwrap()).into_owned();
        assert!(!content.contains(PASSWORD), "{} holds the password", file.display());
    }
}

#[test]
fn each_user_of_a_device_has_a_session_of_their_own() {
    let server = Server::start();
    let alice = server.user("alice");
    let _bob = server.user("bob");
    alice.ok("ls");
    let ended = alice.run(&["--user", "bob", "--json", "send", "alice", "hi from bob"]);
    // Whether the second flag is accepted or refused, bob must not become alice.
    if ended.status == Some(0) {
        assert_eq!(ended.json()[0]["message"]["from"], "bob");
    } else {
        assert_eq!(ended.status, Some(2), "{ended:?}");
    }
}

#[test]
fn a_password_can_come_from_a_file() {
    let server = Server::start();
    let alice = server.user("alice");
    alice.write_secret("password", format!("{PASSWORD}\n").as_bytes());
    let mut command = alice.command();
    command.env_remove("QCHAT_PASSWORD").args(["--password-file", "password", "--json", "ls"]);
    let ended = Running::start(&mut command).finish();
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_eq!(status_without_password(&alice), Some(0));
}

#[test]
fn a_user_and_a_server_can_come_from_the_environment() {
    let server = Server::start();
    let alice = server.user("alice");
    let mut command = std::process::Command::new(crate::harness::PROGRAM);
    command.args(["client", "--fingerprint", &server.fingerprint, "--json", "send", "alice", "hi"]);
    command.current_dir(alice.path(""));
    crate::harness::clean_environment(&mut command, alice.home());
    command.env("QCHAT_SERVER", server.address.to_string());
    command.env("QCHAT_USER", "alice").env("QCHAT_PASSWORD", PASSWORD);
    let ended = Running::start(&mut command).finish();
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_eq!(ended.json()[0]["message"]["from"], "alice");
}

#[test]
fn a_wrong_password_does_not_sign_in() {
    let server = Server::start();
    let alice = server.user("alice");
    let mut command = alice.command();
    command.env("QCHAT_PASSWORD", "wrong").args(["--json", "ls"]);
    let ended = Running::start(&mut command).finish();
    assert_eq!(ended.status, Some(1), "{ended:?}");
    assert_ne!(status_without_password(&alice), Some(0));
}

/// Runs `ls` without a password, and returns the message about that.
#[track_caller]
fn told_without_password(client: &Client) -> String {
    let mut command = client.command();
    command.env_remove("QCHAT_PASSWORD").args(["ls"]);
    let ended = Running::start(&mut command).finish();
    assert_eq!(ended.status, Some(2), "{ended:?}");
    assert!(ended.error.contains("--password-file FILE or QCHAT_PASSWORD"), "{ended:?}");
    ended.error
}

#[test]
fn a_script_without_a_session_gets_the_reason() {
    let server = Server::start();
    let alice = server.user("alice");
    assert!(told_without_password(&alice).contains("no saved session of alice here"));
    alice.ok("ls");
    let sessions = alice.home().join("home/xdg_state_home/qchat/sessions");
    let file = files_below(&sessions).into_iter().find(|file| file.ends_with("alice")).unwrap();
    let whole = std::fs::read(&file).unwrap();
    for (content, told) in [
        (&b""[..], "the saved session of alice is an empty file: "),
        (&whole[..20], "the saved session of alice is damaged: "),
        (b"\xff\xfe", "the saved session of alice is damaged: "),
        (&[b'0'; 1000], "the saved session of alice is damaged: "),
    ] {
        std::fs::write(&file, content).unwrap();
        let error = told_without_password(&alice);
        assert!(error.contains(told) && error.contains("sessions/"), "{error}");
    }
    std::fs::write(&file, whole).unwrap();
    alice.run(&["ls"]);
    server.client_of("alice").ok("auth_logout --all");
    for _ in 0..2 {
        let error = told_without_password(&alice);
        assert!(error.contains("the saved session of alice has ended on the server: "), "{error}");
    }
    alice.ok("ls");
    assert_eq!(status_without_password(&alice), Some(0));
}

#[test]
fn parallel_first_runs_with_one_home_share_one_session() {
    const RUNS: usize = 8;
    let server = Server::start();
    let alice = server.user("alice");
    let start = |number: usize| {
        let message = format!("from run {number}");
        Running::start(alice.command().args(["--json", "send", "alice", &message]))
    };
    let running: Vec<_> = (0..RUNS).map(start).collect();
    for run in running {
        let ended = run.finish();
        assert_eq!(ended.status, Some(0), "{ended:?}");
    }
    assert_eq!(items(&alice.ok("inbox")["messages"]).len(), RUNS);
    assert_eq!(items(&alice.ok("sessions")["sessions"]).len(), 1);
}

#[test]
fn whoami_tells_the_user_the_server_and_the_other_devices() {
    let server = Server::start();
    let alice = server.user("alice");
    let other = server.client_of("alice");
    other.ok("ls");
    let answer = alice.ok("whoami");
    assert_eq!(text(&answer["user"]), "alice");
    assert_eq!(text(&answer["server"]), server.address.to_string());
    assert_eq!(text(&answer["fingerprint"]), server.fingerprint);
    let sessions = alice.ok("sessions");
    let (current, others): (Vec<_>, Vec<_>) =
        items(&sessions["sessions"]).iter().partition(|session| session["current"] == true);
    assert_eq!(answer["since"], current[0]["created"]);
    assert_eq!(items(&answer["devices"]).iter().collect::<Vec<_>>(), others);
    let shown = alice.run(&["whoami"]).output;
    assert!(shown.contains("alice") && shown.contains(&server.fingerprint), "{shown}");
    assert!(shown.contains("other devices  1, 0 of them online"), "{shown}");
    assert_eq!(server.visitor().refused("whoami"), "not_logged_in");
}

#[test]
fn a_run_without_a_saved_session_ends_its_session() {
    let server = Server::start();
    let alice = server.user("alice");
    let other = server.client_of("alice");
    for arguments in [&["--no-save", "ls"][..], &["--no-save", "-c", "ls", "-c", "send x y"]] {
        other.run(arguments);
    }
    // A home folder that cannot be written to saves no session either.
    let third = server.client_of("alice");
    let state = third.home().join("home/xdg_state_home/qchat");
    std::fs::create_dir_all(&state).unwrap();
    std::os::unix::fs::symlink("nowhere", state.join("sessions")).unwrap();
    let ended = third.run(&["ls"]);
    assert!(ended.error.contains("the session cannot be saved"), "{ended:?}");
    // An interrupted run ends its session too.
    let mut talk = server.visitor().talk();
    talk.ok(&format!("auth_login alice {PASSWORD}"));
    talk.interrupt();
    // The session ends also before the end of the input.
    while talk.error_line().is_some() {}
    assert_eq!(talk.finish().status, Some(130));
    assert_eq!(items(&alice.ok("sessions")["sessions"]).len(), 1);
    assert_ne!(status_without_password(&other), Some(0));
}
