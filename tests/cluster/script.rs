//! The script's care for processes that are not its own, and its words for a person who lacks something.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Output};

use tempfile::TempDir;

/// Calls the script with a folder of its own.
fn cluster(folder: &Path, arguments: &[&str]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/cluster");
    Command::new(script).args(arguments).env("QCHAT_CLUSTER_DIR", folder).output().unwrap()
}

fn output(done: &Output) -> String {
    String::from_utf8_lossy(&[&done.stdout[..], &done.stderr].concat()).into_owned()
}

/// A process in a session of its own that works in the folder of etcd, as the script starts it.
struct Etcd {
    folder: TempDir,
    process: Child,
}

impl Etcd {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let works_in = folder.path().join("etcd");
        fs::create_dir(&works_in).unwrap();
        let process = Command::new("setsid").args(["sleep", "600"]).current_dir(works_in).spawn();
        Self { folder, process: process.unwrap() }
    }

    /// The start of the process, in ticks since the machine's start.
    fn started(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap();
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        fields.split(' ').nth(19).unwrap().parse().unwrap()
    }

    /// Lets the script believe that it started this process.
    fn record(&self, started: u64) {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
        let etcd = serde_json::json!({
            "pid": self.process.id(), "started": started, "boot": boot.trim(),
        });
        let state = serde_json::json!({"ports": {"etcd": 1}, "processes": {"etcd": etcd}});
        fs::write(self.folder.path().join("state.json"), state.to_string()).unwrap();
    }

    fn call(&self, arguments: &[&str]) -> String {
        output(&cluster(self.folder.path(), arguments))
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_process_that_only_has_the_recorded_id_is_not_killed() {
    let mut etcd = Etcd::start();
    etcd.record(etcd.started() + 1);
    assert_eq!(etcd.call(&["kill", "etcd"]), "etcd did not run\n");
    assert!(etcd.process.try_wait().unwrap().is_none());
    etcd.record(etcd.started());
    assert_eq!(etcd.call(&["kill", "etcd"]), "etcd killed: 1 processes\n");
    assert_eq!(etcd.process.wait().unwrap().signal(), Some(9));
}

#[test]
fn down_leaves_processes_of_others_alone() {
    let mut etcd = Etcd::start();
    etcd.record(etcd.started() + 1);
    let told = etcd.call(&["down"]);
    assert!(!told.contains("etcd stopped"), "{told}");
    assert!(etcd.process.try_wait().unwrap().is_none());
}

#[test]
fn missing_programs_are_told_with_the_remedy_and_nothing_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let done = cluster(folder.path(), &["up"]);
    let told = output(&done);
    assert_eq!(done.status.code(), Some(1), "{told}");
    for part in ["missing: ", "Patroni, SeaweedFS", "scripts/setup --cluster"] {
        assert!(told.contains(part), "{told}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_name_that_does_not_exist_is_refused_with_those_that_do() {
    let folder = tempfile::tempdir().unwrap();
    let done = cluster(folder.path(), &["kill", "pg4"]);
    assert_eq!(done.status.code(), Some(1));
    assert!(output(&done).contains("pg1, pg2, pg3"), "{}", output(&done));
    assert_eq!(cluster(folder.path(), &["kill"]).status.code(), Some(2));
}
