//! Somebody who goes on with their day, at a client and in a process of their own, while others mean harm.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::harness::{Server, Talk};

/// How many sends tell how it is when nothing else goes on.
const IDLE_SENDS: usize = 100;

/// By how much the slowest sends may become slower beside the doubling. What means harm runs on the same
/// cores as the server and the bystander, and so may other tests: on a busy machine that alone makes a send
/// wait for some turns of the scheduler. A server that is held up by somebody (a runtime's thread that
/// waits, a queue without an end) makes others wait for seconds.
const SLACK: Duration = Duration::from_millis(500);

pub(super) struct Bystander {
    idle: Duration,
    stop: Arc<AtomicBool>,
    sending: JoinHandle<Vec<Duration>>,
}

impl Bystander {
    /// Measures how long sends take while nothing else goes on, and goes on sending.
    pub(super) fn start(server: &Server) -> Self {
        let mut talk = server.user("bystander").talk();
        // The first one waits for the program to start and to sign in.
        send(&mut talk);
        let idle: Vec<_> = (0..IDLE_SENDS).map(|_| send(&mut talk)).collect();
        let stop = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&stop);
        let sending = std::thread::spawn(move || {
            let mut took = Vec::new();
            while !asked.load(Ordering::Relaxed) {
                took.push(send(&mut talk));
            }
            // Whatever went wrong with the link would have been told here.
            assert_eq!(talk.finish().error, "");
            took
        });
        Self { idle: p99(idle), stop, sending }
    }

    /// Ends, and checks that all went on as before.
    #[track_caller]
    pub(super) fn check(self) {
        self.stop.store(true, Ordering::Relaxed);
        let took = self.sending.join().unwrap();
        let (sends, idle, loaded) = (took.len(), self.idle, p99(took));
        println!("a bystander's p99: idle {idle:?}, meanwhile {loaded:?} of {sends} sends");
        assert!(loaded <= 2 * idle + SLACK, "idle {idle:?}, meanwhile {loaded:?}");
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
