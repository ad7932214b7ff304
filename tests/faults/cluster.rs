//! Three servers before a database of three machines and an S3 store, of which one after the other dies.
//!
//! `scripts/faults` runs this test, since it needs programs that a build does not. `QCHAT_ROUNDS` is the number of
//! times that each fault occurs.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use rustix::fs::{FallocateFlags, fallocate};

use super::load::{Load, Servers};
use crate::harness::{PROGRAM, SeededRandom, until};

/// The answers after which a cluster counts as working again.
const ANSWERS: usize = 400;

/// The services that die at once. `primary` and `standby` are those of the moment.
const KILLS: [&[&str]; 7] = [
    &["server1"],
    &["server2", "server3"],
    &["standby"],
    &["primary"],
    &["etcd"],
    &["s3"],
    &["server2", "primary", "server3", "standby"],
];

const MACHINES: [&str; 3] = ["pg1", "pg2", "pg3"];

/// The cluster of `scripts/cluster`. It goes down with this value.
struct Cluster {
    folder: PathBuf,
}

impl Cluster {
    fn up() -> (Self, Servers) {
        let folder = std::env::var("QCHAT_CLUSTER_DIR").expect("scripts/faults names a folder");
        let cluster = Self { folder: folder.into() };
        let told = cluster.call(&["up"]);
        let addresses = told.lines().next_back().unwrap().to_owned();
        let log = std::fs::read_to_string(cluster.folder.join("logs/server1.log")).unwrap();
        let fingerprint = log.lines().find_map(|line| line.strip_prefix("fingerprint: "));
        let fingerprint = fingerprint.unwrap().to_owned();
        (cluster, Servers { addresses, fingerprint })
    }

    #[track_caller]
    fn call(&self, arguments: &[&str]) -> String {
        let (told, is_done) = self.try_call(arguments);
        assert!(is_done, "{arguments:?}: {told}");
        told
    }

    fn try_call(&self, arguments: &[&str]) -> (String, bool) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/cluster");
        let mut script = Command::new(script);
        let script = script.args(arguments).env("QCHAT_CLUSTER_DIR", &self.folder);
        let program = std::env::var("QCHAT_PROGRAM").unwrap_or(PROGRAM.to_owned());
        let done = script.env("QCHAT_PROGRAM", program).output().unwrap();
        let told = String::from_utf8_lossy(&done.stdout).into_owned();
        (told + &String::from_utf8_lossy(&done.stderr), done.status.success())
    }

    /// Cuts or restores the power of the disks of all databases.
    fn disks(&self, verb: &str) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/disks.py");
        let mut python = Command::new("python3");
        let command = python.arg("-B").arg(script).arg(verb);
        let disk = |machine: &str| {
            let folder = self.folder.join(machine).display().to_string();
            format!("{folder}={folder}.img")
        };
        let done = command.args(MACHINES.map(disk)).output().unwrap();
        assert!(done.status.success(), "{verb}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// The machine of the database that has this role now.
    fn machine(&self, role: &str) -> Option<String> {
        let (status, _) = self.try_call(&["status"]);
        let mut machines = status.lines().filter(|line| line.starts_with("pg"));
        let machine = machines.find(|line| line.contains(&format!("  {role}")))?;
        machine.split(' ').next().map(str::to_owned)
    }

    #[track_caller]
    fn must_have(&self, role: &str) -> String {
        let mut machine = None;
        until(role, || {
            machine = self.machine(role);
            machine.is_some()
        });
        machine.unwrap()
    }

    /// Names of services, with the machine of the moment for each role.
    fn services(&self, names: &[&str]) -> Vec<String> {
        let service = |name: &&str| match *name {
            "primary" | "standby" => self.must_have(name),
            name => name.to_owned(),
        };
        names.iter().map(service).collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        println!("{}", self.try_call(&["down"]).0);
    }
}

/// A command for the services.
fn command<'a>(verb: &'a str, services: &'a [String]) -> Vec<&'a str> {
    std::iter::once(verb).chain(services.iter().map(String::as_str)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "scripts/faults installs and starts the cluster"]
async fn nothing_that_48_clients_were_told_is_broken_by_a_cluster_whose_parts_die() {
    let rounds = std::env::var("QCHAT_ROUNDS").map_or(1, |rounds| rounds.parse().unwrap());
    let mut random = SeededRandom::of_the_run();
    let (cluster, servers) = Cluster::up();
    // Without watchers: a server does not hear of messages that another one has taken.
    let load = Load::start(&servers, &mut random).await;
    load.answers(ANSWERS).await;
    for _ in 0..rounds {
        for kill in KILLS {
            kill_and_start(&cluster, &load, kill).await;
        }
        freeze_the_primary(&cluster, &load).await;
        if std::env::var("QCHAT_DISKS").is_ok_and(|disks| disks == "yes") {
            cut_the_power_of_all_databases(&cluster, &load).await;
            fill_the_disk_of_the_primary(&cluster, &load).await;
        }
    }
    assert_eq!(load.finish().await, Vec::<String>::new());
}

/// Kills services at once, and starts them again when clients are served without them, if they can be.
async fn kill_and_start(cluster: &Cluster, load: &Load, names: &[&str]) {
    let services = cluster.services(names);
    let fault = Instant::now();
    cluster.call(&command("kill", &services));
    // A commit needs one standby, and files need the store.
    let is_served = !(names.contains(&"standby") && names.contains(&"primary"));
    if is_served && !names.contains(&"s3") {
        load.answers(ANSWERS).await;
    }
    cluster.call(&command("start", &services));
    load.answers(ANSWERS).await;
    load.print_waits(&format!("kill {}", names.join(" ")), fault);
}

/// Stops the primary for longer than its lease: another takes over, and the first one must notice it later.
async fn freeze_the_primary(cluster: &Cluster, load: &Load) {
    let primary = cluster.must_have("primary");
    let fault = Instant::now();
    cluster.call(&["freeze", &primary]);
    cluster.must_have("primary");
    load.answers(ANSWERS).await;
    cluster.call(&["thaw", &primary]);
    // Waits until it follows.
    cluster.call(&["start", &primary]);
    load.answers(ANSWERS).await;
    load.print_waits("freeze primary", fault);
}

/// Everything that no database has synced is gone.
async fn cut_the_power_of_all_databases(cluster: &Cluster, load: &Load) {
    let fault = Instant::now();
    cluster.disks("cut");
    cluster.call(&[&["kill"], &MACHINES[..]].concat());
    cluster.disks("restore");
    cluster.call(&[&["start"], &MACHINES[..]].concat());
    load.answers(ANSWERS).await;
    load.print_waits("power cut of all databases", fault);
}

/// The primary can write nothing more: clients are told so, or another one takes over.
async fn fill_the_disk_of_the_primary(cluster: &Cluster, load: &Load) {
    let primary = cluster.must_have("primary");
    let ballast = cluster.folder.join(&primary).join("ballast");
    let fault = Instant::now();
    fill(&ballast);
    load.full_or_answers(ANSWERS).await;
    std::fs::remove_file(ballast).unwrap();
    cluster.call(&["start", &primary]);
    load.answers(ANSWERS).await;
    load.print_waits("full disk of the primary", fault);
}

/// Makes a file that takes all room of its disk, from large parts to small ones.
fn fill(path: &Path) {
    let file = std::fs::File::create(path).unwrap();
    let mut end = 0;
    for part in (12..32).rev().map(|exponent| 1_u64 << exponent) {
        while fallocate(&file, FallocateFlags::empty(), end, part).is_ok() {
            end += part;
        }
    }
}
