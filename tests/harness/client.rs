//! A client with its own home and working directory.

use std::collections::VecDeque;
use std::fs::Permissions;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use super::process::{Ended, Running};
use super::{PASSWORD, PROGRAM, text};

/// A device: a home folder, a working directory, and the server that its clients talk to.
pub(crate) struct Client {
    /// Shared with the programs that use it, so that the folder goes after the last of them.
    home: Arc<TempDir>,
    /// The arguments that name the server.
    server: Vec<String>,
    user: Option<String>,
}

/// The environment variables that name the folders of a user.
const HOMES: &[&str] = &[
    "HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
    "XDG_CACHE_HOME",
    "XDG_RUNTIME_DIR",
];

/// The variables of [`HOMES`], with folders below `home`.
pub(crate) fn environment(home: &Path) -> Vec<(&'static str, PathBuf)> {
    HOMES.iter().map(|&name| (name, home.join("home").join(name.to_lowercase()))).collect()
}

/// Hides the environment of the test run from a program, and gives it folders below `home`.
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

    /// A client with these arguments to find and authenticate its server.
    pub(crate) fn at(server: &[&str], user: Option<&str>) -> Self {
        let home = Arc::new(tempfile::tempdir().unwrap());
        for (_, folder) in environment(home.path()) {
            std::fs::create_dir_all(folder).unwrap();
        }
        std::fs::create_dir(home.path().join("work")).unwrap();
        let server = server.iter().map(ToString::to_string).collect();
        Self { home, server, user: user.map(String::from) }
    }

    /// The same device with other arguments that name the server.
    pub(crate) fn pointed_at(self, server: &[&str]) -> Self {
        Self { server: server.iter().map(ToString::to_string).collect(), ..self }
    }

    /// The folder that holds the home and the working directory.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Keeps the home folder for a program that may outlive this value.
    pub(crate) fn keep_home(&self) -> Arc<TempDir> {
        Arc::clone(&self.home)
    }

    /// A path in the working directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join("work").join(name)
    }

    /// Writes a file into the working directory.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    /// Writes a file with mode 600 into the working directory.
    pub(crate) fn write_secret(&self, name: &str, bytes: &[u8]) {
        self.write(name, bytes);
        std::fs::set_permissions(self.path(name), Permissions::from_mode(0o600)).unwrap();
    }

    /// The first arguments of `qchat`: the client, its server and its user.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut arguments = vec!["client".to_owned()];
        arguments.extend(self.server.iter().cloned());
        if let Some(user) = &self.user {
            arguments.extend(["--user".to_owned(), user.clone()]);
        }
        arguments
    }

    /// The command of a client, without further arguments.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(self.arguments()).current_dir(self.path(""));
        clean_environment(&mut command, self.home());
        command.env("QCHAT_PASSWORD", PASSWORD);
        command
    }

    /// Starts a client with these arguments.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        Running::start_in(self.keep_home(), self.command().args(arguments))
    }

    /// Runs a client with these arguments and nothing on its standard input.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        self.start(arguments).finish()
    }

    /// Runs a client with these arguments and this standard input.
    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &[u8]) -> Ended {
        let running = self.start(arguments);
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

    /// Runs one line that must succeed.
    #[track_caller]
    pub(crate) fn ok(&self, line: &str) -> Value {
        let answer = self.lines(&[line]).remove(0);
        assert_eq!(answer["ok"], true, "{line}: {answer}");
        answer
    }

    /// Runs one line that must be refused, and returns the error code.
    #[track_caller]
    pub(crate) fn refused(&self, line: &str) -> String {
        let answer = self.lines(&[line]).remove(0);
        assert_eq!(answer["ok"], false, "{line}: {answer}");
        text(&answer["error"]["code"]).to_owned()
    }

    /// Starts a client that reads lines from standard input until it is finished or killed.
    pub(crate) fn talk(&self) -> Talk {
        Talk { running: self.start(&["--json"]), sent: VecDeque::new() }
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

/// A running client that takes lines and answers each with a JSON object.
pub(crate) struct Talk {
    running: Running,
    sent: VecDeque<String>,
}

impl Talk {
    /// Sends a line without waiting for its answer.
    pub(crate) fn tell(&mut self, line: &str) {
        self.running.write(format!("{line}\n").as_bytes());
        self.sent.push_back(line.to_owned());
    }

    /// The answer to the oldest line that has none yet; `None` if the client has ended.
    pub(crate) fn answer(&mut self) -> Option<Value> {
        let line = self.sent.pop_front().expect("a line was told");
        let answer = self.running.output_line()?;
        let answer = serde_json::from_str(&answer);
        Some(answer.unwrap_or_else(|error| panic!("{line}: {error}")))
    }

    /// The next line on standard error.
    pub(crate) fn error_line(&mut self) -> Option<String> {
        self.running.error_line()
    }

    /// Sends a line and returns its answer, success or error.
    #[track_caller]
    pub(crate) fn done(&mut self, line: &str) -> Value {
        self.tell(line);
        self.answer().expect("an answer")
    }

    /// Sends a line that must succeed and returns its answer.
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

    /// Closes standard input and waits until the client has ended.
    pub(crate) fn finish(self) -> Ended {
        self.running.finish()
    }

    /// Sends SIGINT, as Ctrl-C does.
    pub(crate) fn interrupt(&self) {
        self.running.signal(Signal::INT);
    }

    /// Kills the client. Its earlier output can still be read.
    pub(crate) fn kill(&self) {
        self.running.signal(Signal::KILL);
    }
}
