//! A fair user with a client in a process of its own, who sends during an attack.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::harness::{Server, Talk};

/// The number of sends before the attack.
const IDLE_SENDS: usize = 300;

/// The permitted increase of the slowest sends, in addition to the doubling. The attackers run on the same
/// cores as the server and this user, and other tests may too: on a busy machine a send waits for some time
/// slices of the scheduler. A server that is blocked (a runtime thread that waits, or an unbounded queue)
/// would delay other users for seconds.
const SLACK: Duration = Duration::from_millis(500);

pub(super) struct Bystander {
    idle: Duration,
    took: Arc<Mutex<Vec<Duration>>>,
    stop: Arc<AtomicBool>,
    sending: JoinHandle<()>,
}

impl Bystander {
    /// Measures the times of sends before the attack, and continues to send.
    pub(super) fn start(server: &Server) -> Self {
        let mut talk = server.user("bystander").talk();
        // The first send waits for the start of the program and its sign-in.
        send(&mut talk);
        let idle: Vec<_> = (0..IDLE_SENDS).map(|_| send(&mut talk)).collect();
        let (took, stop) = (Arc::<Mutex<Vec<_>>>::default(), Arc::<AtomicBool>::default());
        let (taking, asked) = (Arc::clone(&took), Arc::clone(&stop));
        let sending = std::thread::spawn(move || {
            while !asked.load(Ordering::Relaxed) {
                let took = send(&mut talk);
                taking.lock().unwrap().push(took);
            }
            // Standard error would contain any problem with the connection.
            assert_eq!(talk.finish().error, "");
        });
        Self { idle: p99(idle), took, stop, sending }
    }

    /// The slowest sends since the last call.
    pub(super) fn lap(&self) -> Duration {
        p99(std::mem::take(&mut *self.took.lock().unwrap()))
    }

    /// Stops, and checks that the sends were not much slower. If the same attack ran `elsewhere`, against
    /// another server of this machine, the send times meanwhile show the delays by the cores and the disk.
    #[track_caller]
    pub(super) fn check(self, elsewhere: Option<Duration>) {
        let loaded = self.lap();
        self.stop.store(true, Ordering::Relaxed);
        self.sending.join().unwrap();
        let idle = self.idle;
        println!("a bystander's p99: idle {idle:?}, elsewhere {elsewhere:?}, here {loaded:?}");
        let before = elsewhere.unwrap_or(idle).max(idle);
        assert!(loaded <= 2 * before + SLACK, "{before:?} before, {loaded:?} meanwhile");
    }
}

fn send(talk: &mut Talk) -> Duration {
    let begun = Instant::now();
    talk.ok("send bystander hi");
    begun.elapsed()
}

fn p99(mut took: Vec<Duration>) -> Duration {
    took.sort();
    took[(took.len() * 99 / 100).min(took.len() - 1)]
}
