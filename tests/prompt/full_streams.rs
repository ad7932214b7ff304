//! A full disk behind standard output or standard error, or a closed pipe, causes no panic.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read};
use std::net::UdpSocket;
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{Client, PROGRAM, Server, clean_environment};

/// A stream that accepts no bytes.
fn full() -> Stdio {
    OpenOptions::new().write(true).open("/dev/full").unwrap().into()
}

/// A program in a folder of its own.
fn program(arguments: &[&str]) -> (Command, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(PROGRAM);
    command.args(arguments).current_dir(folder.path()).stdin(Stdio::null());
    clean_environment(&mut command, folder.path());
    (command, folder)
}

fn ended(command: &mut Command) -> Output {
    command.output().expect("the program runs")
}

#[track_caller]
fn check_full_errors(arguments: &[&str], status: i32) {
    let (mut command, _folder) = program(arguments);
    let output = ended(command.stderr(full()));
    assert_eq!(output.status.code(), Some(status), "{arguments:?}");
}

#[track_caller]
fn check_full_output(arguments: &[&str], status: i32) {
    let (mut command, _folder) = program(arguments);
    let output = ended(command.stdout(full()));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}");
    assert!(said.lines().count() <= 1, "{arguments:?}: {said}");
}

#[test]
fn bad_usage_is_status_2_also_without_a_writable_standard_error() {
    check_full_errors(&["server", "--quota", "x"], 2);
    check_full_errors(&["client", "--user", "a/b", "ls"], 2);
    check_full_errors(&["client", "--no-such-flag"], 2);
    check_full_errors(&["cert", "--out", "/dev/null/x"], 1);
    check_full_errors(&["server", "--data", "/dev/null/x"], 1);
}

#[test]
fn an_output_that_cannot_be_written_is_a_failure_in_one_sentence() {
    check_full_output(&["cert"], 1);
    check_full_output(&["cert", "--next"], 1);
    check_full_output(&["demo"], 1);
    check_full_output(&["--help"], 1);
    let server = Server::start();
    let alice = server.user("alice");
    let unread = ended(alice.command().args(["help"]).stderr(full()).stdout(full()));
    assert_eq!(unread.status.code(), Some(1));
    let refused = ended(alice.command().args(["join", "nowhere"]).stderr(full()));
    assert_eq!(refused.status.code(), Some(1));
}

#[test]
fn a_closed_output_ends_the_demo() {
    let (mut command, _folder) = program(&["demo"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut demo = command.spawn().unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    assert!(lines.next().is_some_and(|line| line.is_ok()));
    drop(lines);
    let mut said = String::new();
    demo.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((demo.wait().unwrap().code(), said.as_str()), (Some(0), ""));
}

#[test]
fn a_server_whose_log_is_full_still_serves() {
    for form in ["text", "json"] {
        let free = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let (mut command, _folder) = program(&["server", "--listen", &free, "--log-format", form]);
        command.env("QCHAT_LOG", "debug").stderr(full());
        let mut server = KilledServer(command.spawn().unwrap());
        // Tries until the server answers.
        let visitor = Client::at(&["--server", &free, "--accept-new"], None);
        visitor.ok("auth_register alice x");
        kill_process(Pid::from_child(&server.0), Signal::TERM).unwrap();
        assert_eq!(server.0.wait().unwrap().code(), Some(0), "{form}");
    }
}

/// A server that is killed when its owner is dropped.
struct KilledServer(Child);

impl Drop for KilledServer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
