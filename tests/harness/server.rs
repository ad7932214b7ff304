//! A server in a temporary folder.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use tempfile::TempDir;

use super::client::Client;
use super::process::{Ended, Running};
use super::{PASSWORD, PROGRAM, files_below};

/// The working directory of a server, with certificate, data and uploads at their default paths.
pub(crate) struct ServerFolder(TempDir);

impl ServerFolder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Gives these variables to each server that starts in the folder.
    pub(crate) fn set_variables(&self, variables: &[(&str, String)]) {
        let lines: Vec<_> =
            variables.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        std::fs::write(self.path().join(VARIABLES), lines.concat()).unwrap();
    }

    /// Runs a server that must refuse to start, and returns its exit status and output.
    #[track_caller]
    pub(crate) fn refuses_to_start(&self, arguments: &[&str]) -> Ended {
        self.refuses(command(self.path(), "127.0.0.1:0", arguments))
    }

    /// Runs a server that must fail to bind an address, and returns its exit status and output.
    #[track_caller]
    pub(crate) fn refuses_to_listen(&self, address: &str) -> Ended {
        self.refuses(command(self.path(), address, &[""; 0]))
    }

    #[track_caller]
    fn refuses(&self, mut command: Command) -> Ended {
        let mut running = Running::start(&mut command);
        let mut error = String::new();
        while let Some(line) = running.error_line() {
            assert!(!line.contains("is ready on"), "the server started");
            error += &(line + "\n");
        }
        Ended { error, ..running.finish() }
    }

    /// Runs `qchat cert` in the folder, and returns the fingerprint that it prints.
    #[track_caller]
    pub(crate) fn cert(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(PROGRAM);
        command.arg("cert").args(arguments).current_dir(self.path());
        let ended = Running::start(&mut command).finish();
        assert_eq!(ended.status, Some(0), "{ended:?}");
        let fingerprint = ended.output.lines().find_map(|line| line.strip_prefix("fingerprint: "));
        fingerprint.unwrap_or_else(|| panic!("no fingerprint: {ended:?}")).trim().to_owned()
    }

    /// Runs a `qchat cert` that must fail, and returns its standard error.
    #[track_caller]
    pub(crate) fn cert_is_refused(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(PROGRAM);
        command.arg("cert").args(arguments).current_dir(self.path());
        let ended = Running::start(&mut command).finish();
        assert_eq!(ended.status, Some(1), "{ended:?}");
        ended.error
    }

    /// Sets the mode of a file.
    pub(crate) fn set_mode(&self, file: &str, mode: u32) {
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(self.path().join(file), permissions).unwrap();
    }

    /// The file with the messages. It begins with the magic bytes of redb.
    pub(crate) fn store(&self) -> PathBuf {
        let files = files_below(&self.path().join("data"));
        let store = files.into_iter().find(|file| {
            std::fs::read(file).is_ok_and(|bytes| bytes.starts_with(b"redb\x1a\x0a\xa9\x0d\x0a"))
        });
        store.expect("a store in data/")
    }
}

/// A running server. Dropping this value kills the process and then removes the folder.
pub(crate) struct Server {
    running: Running,
    pub(crate) folder: ServerFolder,
    arguments: Vec<String>,
    pub(crate) address: SocketAddr,
    pub(crate) fingerprint: String,
}

/// A file in the folder of a server that logs at debug level.
const TALKATIVE: &str = "talkative";

/// A file in the folder of a server with variables of its environment.
const VARIABLES: &str = "variables";

/// A server that has ended. Its folder is kept, so that it can start again.
pub(crate) struct Stopped {
    pub(crate) folder: ServerFolder,
    arguments: Vec<String>,
    address: SocketAddr,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// Starts a server with further arguments.
    pub(crate) fn with(arguments: &[&str]) -> Self {
        Self::in_folder(ServerFolder::new(), arguments)
    }

    /// Starts a server that logs at debug level.
    pub(crate) fn talkative(arguments: &[&str]) -> Self {
        let folder = ServerFolder::new();
        std::fs::write(folder.path().join(TALKATIVE), "").unwrap();
        Self::in_folder(folder, arguments)
    }

    /// Waits for the next line of the log that contains this text.
    #[track_caller]
    pub(crate) fn logged(&mut self, what: &str) -> String {
        loop {
            let line = self.running.error_line();
            let line = line.unwrap_or_else(|| panic!("the server ended before it said: {what}"));
            if line.contains(what) {
                return line;
            }
        }
    }

    pub(crate) fn in_folder(folder: ServerFolder, arguments: &[&str]) -> Self {
        Self::in_folder_at(folder, "127.0.0.1:0", arguments)
    }

    /// Starts a server in this folder and at this address.
    pub(crate) fn in_folder_at(folder: ServerFolder, address: &str, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(ToString::to_string).collect();
        Self::listen(folder, address, arguments)
    }

    /// Starts a server with this `QCHAT_LOG` and this log format: `text` or `json`.
    pub(crate) fn logging(filter: &str, form: &str) -> Self {
        let folder = ServerFolder::new();
        let arguments = vec!["--log-format".to_owned(), form.to_owned()];
        let mut command = command(folder.path(), "127.0.0.1:0", &arguments);
        let mut running = Running::start(command.env("QCHAT_LOG", filter));
        let (address, fingerprint) = match form {
            "json" => ready_in_json(&mut running),
            _ => ready(&mut running),
        };
        let address = address.parse().unwrap();
        Self { running, folder, arguments, address, fingerprint }
    }

    /// Sends the process a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        self.running.signal(signal);
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.running.id()
    }

    /// Makes the server read its certificate and key again, and waits for a log line with this text.
    pub(crate) fn hang_up(&mut self, says: &str) -> String {
        self.running.signal(Signal::HUP);
        self.logged(says)
    }

    /// Stops the server, and returns its folder and the log since it was ready.
    pub(crate) fn into_log(self) -> (String, ServerFolder) {
        self.running.signal(Signal::TERM);
        let ended = self.running.finish();
        assert_eq!(ended.status, Some(0), "{}", ended.error);
        (ended.error, self.folder)
    }

    /// Starts a server that takes its address from a settings file.
    pub(crate) fn configured_by(folder: ServerFolder, config: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(PROGRAM);
        command.args(["server", "--config", config]).args(arguments).current_dir(folder.path());
        super::client::clean_environment(&mut command, folder.path());
        let mut running = Running::start(&mut command);
        let (address, fingerprint) = ready(&mut running);
        let address = address.parse().unwrap();
        Self { running, folder, arguments: Vec::new(), address, fingerprint }
    }

    /// Starts a server that listens on this address.
    pub(crate) fn listening(address: &str) -> Self {
        Self::listen(ServerFolder::new(), address, Vec::new())
    }

    fn listen(folder: ServerFolder, address: &str, arguments: Vec<String>) -> Self {
        let mut running = Running::start(&mut command(folder.path(), address, &arguments));
        let (address, fingerprint) = ready(&mut running);
        let address = address.parse().unwrap();
        Self { running, folder, arguments, address, fingerprint }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The sorted names of the uploaded files.
    pub(crate) fn uploads(&self) -> Vec<String> {
        self.names_in_upload().into_iter().filter(|name| !name.starts_with(".part-")).collect()
    }

    /// The partial files of unfinished uploads.
    pub(crate) fn parts(&self) -> Vec<PathBuf> {
        let parts = self.names_in_upload().into_iter().filter(|name| name.starts_with(".part-"));
        parts.map(|name| self.folder().join("upload").join(name)).collect()
    }

    fn names_in_upload(&self) -> Vec<String> {
        let files = files_below(&self.folder().join("upload"));
        let names = files.iter().map(|file| file.file_name().unwrap().to_str().unwrap().to_owned());
        names.filter(|name| name != "README.md" && !name.starts_with(".git")).collect()
    }

    /// The resident memory now, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        self.kibibytes("VmRSS:")
    }

    /// The peak of the resident memory, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        self.kibibytes("VmHWM:")
    }

    /// The number of threads now.
    pub(crate) fn threads(&self) -> usize {
        self.status("Threads:").parse().unwrap()
    }

    fn kibibytes(&self, what: &str) -> u64 {
        self.status(what).strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
    }

    fn status(&self, what: &str) -> String {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.running.id())).unwrap();
        let value = status.lines().find_map(|line| line.strip_prefix(what)).unwrap();
        value.trim().to_owned()
    }

    /// Stops the server with SIGTERM, and checks that it exits with status 0.
    pub(crate) fn terminate(self) -> Stopped {
        self.stop(Signal::TERM)
    }

    /// Stops the server with this signal, and checks that it exits with status 0.
    pub(crate) fn stop(self, signal: Signal) -> Stopped {
        self.running.signal(signal);
        let ended = self.running.finish();
        assert_eq!(ended.status, Some(0), "{}", ended.error);
        Stopped { folder: self.folder, arguments: self.arguments, address: self.address }
    }

    /// Waits until a server that was told to stop has ended.
    #[track_caller]
    pub(crate) fn ends(self) {
        let ended = self.running.finish();
        assert_eq!(ended.status, Some(0), "{}", ended.error);
    }

    /// Kills the server with SIGKILL.
    pub(crate) fn kill9(self) -> Stopped {
        self.running.signal(Signal::KILL);
        let ended = self.running.finish();
        assert_eq!(ended.status, None, "{}", ended.error);
        Stopped { folder: self.folder, arguments: self.arguments, address: self.address }
    }

    /// A client that is signed out.
    pub(crate) fn visitor(&self) -> Client {
        Client::new(self.address, &self.fingerprint, None)
    }

    /// Makes an account, and returns a client that signs in to it.
    #[track_caller]
    pub(crate) fn user(&self, name: &str) -> Client {
        self.visitor().ok(&format!("auth_register {name} {PASSWORD}"));
        self.client_of(name)
    }

    /// Makes an account, and returns a client that reaches the server through a relay.
    #[track_caller]
    pub(crate) fn user_over(&self, relay: &super::UdpRelay, name: &str) -> Client {
        self.user(name);
        Client::new(relay.address, &self.fingerprint, Some(name))
    }

    /// Another device of a user who exists.
    pub(crate) fn client_of(&self, name: &str) -> Client {
        Client::new(self.address, &self.fingerprint, Some(name))
    }
}

impl Stopped {
    /// Starts the server again, in its folder and at its address.
    pub(crate) fn start(self) -> Server {
        let address = self.address.to_string();
        self.start_at(&address)
    }

    /// Starts the server again in its folder, and at another address.
    pub(crate) fn start_at(self, address: &str) -> Server {
        Server::listen(self.folder, address, self.arguments)
    }

    /// A server with the same key and a copy of all data.
    pub(crate) fn copy(&self) -> Self {
        let folder = ServerFolder::new();
        let all = self.folder.path().join(".");
        let copied = Command::new("cp").arg("-a").arg(all).arg(folder.path()).status().unwrap();
        assert!(copied.success());
        Self { folder, arguments: self.arguments.clone(), address: self.address }
    }
}

/// Waits until the server is ready, and returns the printed address and fingerprint.
fn ready(running: &mut Running) -> (String, String) {
    let address = after(running, "qchat server is ready on ");
    let address = address.strip_suffix(" (UDP)").expect("the ready line ends with (UDP)");
    // A server on all addresses prints `localhost`, which a socket address cannot hold.
    let address = address.replace("localhost:", "[::1]:");
    let fingerprint = after(running, "fingerprint: ");
    // The log begins after this line.
    after(running, "connect with: ");
    (address, fingerprint)
}

/// Waits for the ready line of a server that logs JSON.
fn ready_in_json(running: &mut Running) -> (String, String) {
    loop {
        let line = running.error_line().expect("the server is ready");
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        if line["message"] == "ready" {
            let text = |key: &str| line[key].as_str().unwrap().to_owned();
            return (text("address"), text("fingerprint"));
        }
    }
}

/// Waits for a line of standard error with this prefix, and returns the rest of the line.
fn after(running: &mut Running, beginning: &str) -> String {
    let mut before = String::new();
    loop {
        let Some(line) = running.error_line() else { panic!("the server ended:\n{before}") };
        match line.strip_prefix(beginning) {
            Some(rest) => return rest.to_owned(),
            None => before += &(line + "\n"),
        }
    }
}

fn command(folder: &Path, address: &str, arguments: &[impl AsRef<std::ffi::OsStr>]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(["server", "--listen", address]).args(arguments).current_dir(folder);
    super::client::clean_environment(&mut command, folder);
    if folder.join(TALKATIVE).exists() {
        command.env("QCHAT_LOG", "qchat_node=debug");
    }
    for line in std::fs::read_to_string(folder.join(VARIABLES)).unwrap_or_default().lines() {
        let (name, value) = line.split_once('=').unwrap();
        command.env(name, value);
    }
    command
}
