//! Somebody who goes on with their day, at a client and in a process of their own, while others mean harm.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::harness::{Server, Talk};

/// How many sends tell how it is when nothing else goes on.
const IDLE_SENDS: usize = 300;

/// By how much the slowest sends may become slower beside the doubling. What means harm runs on the same
/// cores as the server and the bystander, and so may other tests: on a busy machine that alone makes a send
/// wait for some turns of the scheduler. A server that is held up by somebody (a runtime's thread that
/// waits, a queue without an end) makes others wait for seconds.
const SLACK: Duration = Duration::from_millis(500);

pub(super) struct Bystander {
    idle: Duration,
    took: Arc<Mutex<Vec<Duration>>>,
    stop: Arc<AtomicBool>,
    sending: JoinHandle<()>,
}

impl Bystander {
    /// Measures how long sends take while nothing else goes on, and goes on sending.
    pub(super) fn start(server: &Server) -> Self {
        let mut talk = server.user("bystander").talk();
        // The first one waits for the program to start and to sign in.
        send(&mut talk);
        let idle: Vec<_> = (0..IDLE_SENDS).map(|_| send(&mut talk)).collect();
        let (took, stop) = (Arc::<Mutex<Vec<_>>>::default(), Arc::<AtomicBool>::default());
        let (taking, asked) = (Arc::clone(&took), Arc::clone(&stop));
        let sending = std::thread::spawn(move || {
            while !asked.load(Ordering::Relaxed) {
                let took = send(&mut talk);
                taking.lock().unwrap().push(took);
            }
            // Whatever went wrong with the link would have been told here.
            assert_eq!(talk.finish().error, "");
        });
        Self { idle: p99(idle), took, stop, sending }
    }

    /// How long the sends took that were made since this was asked last.
    pub(super) fn lap(&self) -> Duration {
        p99(std::mem::take(&mut *self.took.lock().unwrap()))
    }

    /// Ends, and checks that all went on as before. Where the same harm was done `elsewhere`, to another server of
    /// this machine, how long sends took meanwhile tells what they wait for that is not their server's
    /// doing: its cores and its disk.
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
