//! One user sends commands as fast as possible, and another sends files at full rate. Other users wait only a
//! little longer.
//!
//! `QCHAT_FAIRNESS_SECONDS` is the duration of each measurement.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use qchat_client::{Client, Progress, ServerAddress, TransferEvent, Trust};
use serde_json::{Value, json};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::interval;

use crate::harness::sdk::{device, resume, session, text, user};
use crate::harness::{PASSWORD, Server, in_time};

/// The pause between the sends of a fair user.
const SEND_EVERY: Duration = Duration::from_millis(50);

/// The permitted slowdown of the other users' sends: by a factor of two, or by this duration if it is longer.
const SLOWER_BY: Duration = Duration::from_millis(100);

/// The number of measurements. Another program on the machine may spoil some of them.
const ROUNDS: usize = 4;

/// The most concurrent commands of one connection.
const AT_ONCE: u64 = 64;

/// The token rate of one connection, and its burst.
const RATE: u64 = 1_000;
const BURST: u64 = 2_000;

/// The number of files that are sent at full rate, each repeatedly.
const FILES_AT_ONCE: usize = 4;
const FILE_BYTES: u64 = 32 * 1024 * 1024;

/// The environment variable that tells a load generator the address of the server and its certificate.
const TARGET: &str = "QCHAT_TEST_FLOOD";

fn measured() -> Duration {
    let seconds = std::env::var("QCHAT_FAIRNESS_SECONDS");
    Duration::from_secs(seconds.map_or(2, |seconds| seconds.parse().unwrap()))
}

/// Sends at a fair pace, and returns the 99th percentile of the times.
async fn p99(honest: &Client) -> Duration {
    let (begun, mut pace, mut waits) = (Instant::now(), interval(SEND_EVERY), Vec::new());
    while begun.elapsed() < measured() {
        pace.tick().await;
        let asked = Instant::now();
        in_time(honest.send(user("reader"), text("hello"))).await.unwrap();
        waits.push(asked.elapsed());
    }
    waits.sort_unstable();
    waits[(waits.len() * 99).div_ceil(100) - 1]
}

/// A load generator in a process of its own. It gets the processor only while no other process needs it, so
/// that the cost of the generator does not slow down the other users. The lowest nice value is not enough: a
/// process that wakes up would still wait for the time slice of such a generator.
struct LoadGenerator {
    process: Child,
    said: BufReader<ChildStdout>,
}

impl LoadGenerator {
    fn start(server: &Server, what: &str) -> Self {
        let mut command = Command::new("chrt");
        command.args(["--idle", "0"]).arg(std::env::current_exe().unwrap());
        command.args(["--exact", what, "--ignored", "--nocapture"]);
        let target =
            json!({"server": server.address.to_string(), "fingerprint": server.fingerprint});
        command.env(TARGET, target.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let said = BufReader::new(process.stdout.take().unwrap());
        let mut load_generator = Self { process, said };
        load_generator.line("begun");
        load_generator
    }

    /// The rest of the next line with this beginning.
    fn line(&mut self, beginning: &str) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            assert_ne!(self.said.read_line(&mut line).unwrap(), 0, "it ended before: {beginning}");
            if let Some((_, rest)) = line.split_once(beginning) {
                return rest.trim().to_owned();
            }
        }
    }

    /// Tells the generator to end, and returns its counts.
    fn end(mut self) -> Value {
        drop(self.process.stdin.take());
        let got = self.line("got ");
        assert!(self.process.wait().unwrap().success());
        serde_json::from_str(&got).unwrap()
    }
}

impl Drop for LoadGenerator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The signed-in client of a load generator; `None` if no test has started this process.
async fn load_generator(name: &str) -> Option<Client> {
    let target: Value = serde_json::from_str(&std::env::var(TARGET).ok()?).unwrap();
    let trust = Trust::Fingerprint(target["fingerprint"].as_str().unwrap().parse().unwrap());
    let server: ServerAddress = target["server"].as_str().unwrap().parse().unwrap();
    let client = Client::connect(&server, trust).await.unwrap();
    let password = PASSWORD.to_owned().try_into().unwrap();
    client.login(name.parse().unwrap(), password).await.unwrap();
    println!("begun");
    Some(client)
}

/// Runs tasks until the end of standard input, and prints their counts.
async fn until_told(client: &Client, tasks: JoinSet<()>, got: &AtomicU64) {
    let begun = Instant::now();
    spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await.unwrap().unwrap();
    let (took, is_closed) = (begun.elapsed(), client.is_closed());
    drop(tasks);
    let got = got.load(Ordering::Relaxed);
    println!(
        "got {}",
        json!({"count": got, "milliseconds": took.as_millis(), "is_closed": is_closed})
    );
}

#[tokio::test]
#[ignore = "started by the test below"]
async fn generator_of_commands() {
    let Some(client) = load_generator("mallory").await else { return };
    let (answered, mut tasks) = (Arc::<AtomicU64>::default(), JoinSet::new());
    for _ in 0..AT_ONCE {
        let (client, answered) = (client.clone(), Arc::clone(&answered));
        tasks.spawn(async move {
            loop {
                client.send(user("reader"), text("flood")).await.unwrap();
                client.groups().await.unwrap();
                answered.fetch_add(2, Ordering::Relaxed);
            }
        });
    }
    until_told(&client, tasks, &answered).await;
}

#[tokio::test]
#[ignore = "started by the test below"]
async fn generator_of_files() {
    let Some(client) = load_generator("trent").await else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.mkv");
    std::fs::File::create(&path).unwrap().set_len(FILE_BYTES).unwrap();
    let (moved, mut tasks) = (Arc::<AtomicU64>::default(), JoinSet::new());
    for _ in 0..FILES_AT_ONCE {
        let (client, path, moved) = (client.clone(), path.clone(), Arc::clone(&moved));
        tasks.spawn(async move {
            loop {
                let moved = Arc::clone(&moved);
                let progress = Progress::new(move |event| {
                    if let TransferEvent::Moved { bytes } = event {
                        moved.fetch_add(bytes, Ordering::Relaxed);
                    }
                });
                client.send_file(user("reader"), &path, progress).await.unwrap();
            }
        });
    }
    until_told(&client, tasks, &moved).await;
}

#[tokio::test]
async fn greedy_users_do_not_delay_other_users() {
    // On the other server nobody exceeds a fair share. The send times there show the delays by the cores and
    // the disk of the machine, which are not caused by the server.
    let (server, other) = (Server::start(), Server::start());
    for server in [&server, &other] {
        device(server, "reader").await.close().await;
    }
    let (honest, elsewhere) = (device(&server, "heidi").await, device(&other, "heidi").await);
    for load_generator in ["mallory", "trent"] {
        device(&server, load_generator).await.close().await;
    }
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let idle = p99(&honest).await;
        let commands = LoadGenerator::start(&server, "hostile::fairness::generator_of_commands");
        let files = LoadGenerator::start(&server, "hostile::fairness::generator_of_files");
        let (loaded, elsewhere) = tokio::join!(p99(&honest), p99(&elsewhere));
        let (commands, files) = (commands.end(), files.end());
        for got in [&commands, &files] {
            assert_eq!(got["is_closed"], false, "{got}");
            assert_ne!(got["count"], 0, "{got}");
        }
        let allowed = BURST + RATE * (commands["milliseconds"].as_u64().unwrap() + 1000) / 1000;
        assert!(commands["count"].as_u64().unwrap() <= allowed, "{commands}, {allowed} allowed");
        assert!(!honest.is_closed());
        println!(
            "p99 idle {idle:?}, elsewhere {elsewhere:?}, here {loaded:?}; commands {commands}; \
             bytes {files}"
        );
        rounds.push((idle, elsewhere, loaded));
        if loaded <= (2 * idle).max(idle + SLOWER_BY) {
            return;
        }
    }
    panic!("others wait: {rounds:?}");
}

#[tokio::test]
async fn a_user_over_the_rate_limit_waits_on_that_device_only_and_is_never_refused() {
    const PER_SECOND: u32 = 100;
    const ASKED: u32 = 500;
    let server = Server::with(&["--commands-per-second", &PER_SECOND.to_string()]);
    let resumed = session(&server, "mallory", server.address).await;
    let (desk, phone) = (resume(&resumed).await, resume(&resumed).await);
    let (answered, mut asking) = (Arc::<AtomicU64>::default(), JoinSet::new());
    let begun = Instant::now();
    for _ in 0..ASKED {
        let (desk, answered) = (desk.clone(), Arc::clone(&answered));
        asking.spawn(async move {
            let groups = in_time(desk.groups()).await;
            answered.fetch_add(1, Ordering::Relaxed);
            groups.map(drop)
        });
    }
    // The account has tokens left after those of one connection are used up.
    for _ in 0..5 {
        in_time(phone.groups()).await.unwrap();
    }
    assert!(answered.load(Ordering::Relaxed) < ASKED.into(), "the phone waited for the desk");
    while let Some(answer) = asking.join_next().await {
        answer.unwrap().unwrap();
    }
    // The tokens of two seconds are available at once.
    let least = Duration::from_secs((ASKED / PER_SECOND).into()) - Duration::from_secs(2);
    assert!(begun.elapsed() >= least, "{:?}", begun.elapsed());
    assert!(!desk.is_closed() && !phone.is_closed());
}
