//! A person at a client, with a home and a working directory of their own.

use std::collections::VecDeque;
use std::fs::Permissions;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use super::process::{Ended, Running};
use super::{PASSWORD, PROGRAM, text};

/// A device: a home folder, a working directory, and the server that its clients talk to.
pub(crate) struct Client {
    home: TempDir,
    /// What stands before the command line's own arguments.
    server: Vec<String>,
    user: Option<String>,
}

/// The variables that tell a program where its home is.
const HOMES: &[&str] = &[
    "HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
    "XDG_CACHE_HOME",
    "XDG_RUNTIME_DIR",
];

/// The environment of a program that is to see nothing of the one that we run in.
pub(crate) fn environment(home: &Path) -> Vec<(&'static str, PathBuf)> {
    HOMES.iter().map(|&name| (name, home.join("home").join(name.to_lowercase()))).collect()
}

pub(crate) fn clean_environment(command: &mut Command, home: &Path) {
    let ours = std::env::vars_os().map(|(name, _)| name);
    for name in ours.filter(|name| name.as_encoded_bytes().starts_with(b"QCHAT_")) {
        command.env_remove(name);
    }
    for name in ["RUST_LOG", "RUST_BACKTRACE", "NO_COLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command.envs(environment(home));
}

impl Client {
    pub(crate) fn new(address: SocketAddr, fingerprint: &str, user: Option<&str>) -> Self {
        let server = ["--server", &address.to_string(), "--fingerprint", fingerprint];
        Self::at(&server, user)
    }

    /// A client that finds and judges its server by these arguments.
    pub(crate) fn at(server: &[&str], user: Option<&str>) -> Self {
        let home = tempfile::tempdir().unwrap();
        for (_, folder) in environment(home.path()) {
            std::fs::create_dir_all(folder).unwrap();
        }
        std::fs::create_dir(home.path().join("work")).unwrap();
        let server = server.iter().map(ToString::to_string).collect();
        Self { home, server, user: user.map(String::from) }
    }

    /// The same device, pointed at another place.
    pub(crate) fn pointed_at(self, server: &[&str]) -> Self {
        Self { server: server.iter().map(ToString::to_string).collect(), ..self }
    }

    /// Everything that belongs to this person.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// A path in the working directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join("work").join(name)
    }

    /// Writes a file into the working directory.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    /// Writes a file that nobody else can read into the working directory.
    pub(crate) fn write_secret(&self, name: &str, bytes: &[u8]) {
        self.write(name, bytes);
        std::fs::set_permissions(self.path(name), Permissions::from_mode(0o600)).unwrap();
    }

    /// The arguments of `qchat` that make it this person's client.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut arguments = vec!["client".to_owned()];
        arguments.extend(self.server.iter().cloned());
        if let Some(user) = &self.user {
            arguments.extend(["--user".to_owned(), user.clone()]);
        }
        arguments
    }

    /// A client's command, before its own arguments.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(self.arguments()).current_dir(self.path(""));
        clean_environment(&mut command, self.home());
        command.env("QCHAT_PASSWORD", PASSWORD);
        command
    }

    /// Runs a client with these arguments and nothing on its standard input.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        Running::start(self.command().args(arguments)).finish()
    }

    /// Runs a client with these arguments and this on its standard input.
    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &[u8]) -> Ended {
        let running = Running::start(self.command().args(arguments));
        running.write(input);
        running.finish()
    }

    /// Runs lines from standard input on one connection, and returns an answer for each.
    #[track_caller]
    pub(crate) fn lines(&self, lines: &[&str]) -> Vec<Value> {
        let input = lines.join("\n") + "\n";
        let ended = self.run_with_input(&["--json"], input.as_bytes());
        let answers: Vec<Value> = ended.json();
        assert_eq!(answers.len(), lines.len(), "{lines:?}: {ended:?}");
        let refused = answers.iter().any(|answer| answer["ok"] != true);
        assert_eq!(ended.status, Some(i32::from(refused)), "{lines:?}: {ended:?}");
        answers
    }

    /// Runs one line that is to succeed.
    #[track_caller]
    pub(crate) fn ok(&self, line: &str) -> Value {
        let answer = self.lines(&[line]).remove(0);
        assert_eq!(answer["ok"], true, "{line}: {answer}");
        answer
    }

    /// Runs one line that is to be refused, and returns the code.
    #[track_caller]
    pub(crate) fn refused(&self, line: &str) -> String {
        let answer = self.lines(&[line]).remove(0);
        assert_eq!(answer["ok"], false, "{line}: {answer}");
        text(&answer["error"]["code"]).to_owned()
    }

    /// Starts a client that stays, and is told its lines one by one.
    pub(crate) fn talk(&self) -> Talk {
        Talk { running: Running::start(self.command().arg("--json")), said: VecDeque::new() }
    }
}

impl Ended {
    /// The answers on standard output, one object a line.
    #[track_caller]
    pub(crate) fn json(&self) -> Vec<Value> {
        let parse = |line| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:?}: {self:?}"))
        };
        self.output.lines().map(parse).collect()
    }
}

/// A client that stays on.
pub(crate) struct Talk {
    running: Running,
    said: VecDeque<String>,
}

impl Talk {
    /// Hands over a line without waiting for its answer.
    pub(crate) fn tell(&mut self, line: &str) {
        self.running.write(format!("{line}\n").as_bytes());
        self.said.push_back(line.to_owned());
    }

    /// The answer to the oldest line that has none yet; `None` where the client has ended.
    pub(crate) fn answer(&mut self) -> Option<Value> {
        let line = self.said.pop_front().expect("a line was told");
        let answer = self.running.output_line()?;
        let answer = serde_json::from_str(&answer);
        Some(answer.unwrap_or_else(|error| panic!("{line}: {error}")))
    }

    /// The next line on standard error.
    pub(crate) fn error_line(&mut self) -> Option<String> {
        self.running.error_line()
    }

    /// Says a line and waits for its answer, whatever that is.
    #[track_caller]
    pub(crate) fn done(&mut self, line: &str) -> Value {
        self.tell(line);
        self.answer().expect("an answer")
    }

    /// Says a line that is to succeed and waits for its answer.
    #[track_caller]
    pub(crate) fn ok(&mut self, line: &str) -> Value {
        self.tell(line);
        let Some(answer) = self.answer() else {
            let mut error = String::new();
            while let Some(line) = self.running.error_line() {
                error += &(line + "\n");
            }
            panic!("{line}: the client ended: {error}")
        };
        assert_eq!(answer["ok"], true, "{line}: {answer}");
        answer
    }

    /// Ends standard input, and waits for the client.
    pub(crate) fn finish(self) -> Ended {
        self.running.finish()
    }

    /// Presses Ctrl-C.
    pub(crate) fn interrupt(&self) {
        self.running.signal(Signal::INT);
    }

    /// Ends the client; what it said before can still be read.
    pub(crate) fn kill(&self) {
        self.running.signal(Signal::KILL);
    }
}
