//! A server in the foreground of a terminal stops with the terminal. SIGHUP alone causes a reload.

use std::io::{BufRead, BufReader};
use std::path::Path;

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{Client, PROGRAM, Server, ServerFolder, until};

/// A program that is killed when its owner is dropped.
struct KilledOnDrop(Box<dyn Child + Send + Sync>);

impl Drop for KilledOnDrop {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server in a terminal.
struct InTerminal {
    child: KilledOnDrop,
    _terminal: Box<dyn MasterPty + Send>,
    lines: Box<dyn Iterator<Item = String>>,
    address: String,
}

impl InTerminal {
    fn start(folder: &Path, program: &[&str]) -> Self {
        let pair = native_pty_system().openpty(PtySize::default()).unwrap();
        let mut command = CommandBuilder::new(program[0]);
        command.args(&program[1..]);
        command.cwd(folder);
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let reader = BufReader::new(pair.master.try_clone_reader().unwrap());
        let lines = Box::new(reader.lines().map_while(Result::ok));
        let child = KilledOnDrop(child);
        let mut server = Self { child, _terminal: pair.master, lines, address: String::new() };
        let address = server.says("qchat server is ready on ");
        server.address = address.trim().strip_suffix(" (UDP)").unwrap().to_owned();
        server.says("connect with");
        server
    }

    /// The text after these words on the next line that contains them.
    fn says(&mut self, words: &str) -> String {
        let line = self.lines.find_map(|line| Some(line.split_once(words)?.1.to_owned()));
        line.unwrap_or_else(|| panic!("the server ended before it said: {words}"))
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.0.process_id().unwrap()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
    }

    /// Closes the terminal, and leaves the server running.
    fn close(self) -> KilledOnDrop {
        let Self { child, .. } = self;
        child
    }
}

const LISTENING: [&str; 4] = [PROGRAM, "server", "--listen", "127.0.0.1:0"];

#[test]
fn a_server_stops_with_its_terminal_and_the_next_one_starts() {
    let folder = ServerFolder::new();
    let mut server = InTerminal::start(folder.path(), &LISTENING);
    server.signal(Signal::HUP);
    server.says("were read anew");
    let mut child = server.close();
    let mut status = None;
    until("the server ends", || {
        std::thread::yield_now();
        status = child.0.try_wait().unwrap();
        status.is_some()
    });
    assert!(status.unwrap().success());
    Server::in_folder(folder, &[]);
}

#[test]
fn a_server_under_nohup_outlives_its_terminal() {
    let folder = ServerFolder::new();
    let shell = format!("trap '' HUP; exec {}", LISTENING.join(" "));
    let server = InTerminal::start(folder.path(), &["sh", "-c", &shell]);
    let address = server.address.clone();
    let mut child = server.close();
    let visitor = Client::at(&["--server", &address, "--accept-new"], None);
    visitor.ok("auth_register alice x");
    assert!(child.0.try_wait().unwrap().is_none());
}
