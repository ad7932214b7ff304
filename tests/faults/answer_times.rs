//! The times of all answers: how long a fault kept each client waiting.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::harness::in_time;

pub(crate) struct AnswerTimes {
    /// The client and the time of each answer.
    times: Mutex<Vec<(usize, Instant)>>,
    count: watch::Sender<usize>,
}

impl AnswerTimes {
    pub(crate) fn new() -> Self {
        Self { times: Mutex::default(), count: watch::Sender::new(0) }
    }

    pub(crate) fn add(&self, client: usize) {
        self.times.lock().unwrap().push((client, Instant::now()));
        self.count.send_modify(|count| *count += 1);
    }

    /// Waits until so many more answers have come.
    pub(crate) async fn more(&self, wanted: usize) {
        let mut count = self.count.subscribe();
        let end = *count.borrow() + wanted;
        in_time(count.wait_for(|count| *count >= end)).await.unwrap();
    }

    /// For each of the clients, the time from a fault to the next answer, sorted.
    pub(crate) fn waits(&self, fault: Instant, clients: usize) -> Vec<Duration> {
        let times = self.times.lock().unwrap();
        let next = |client| {
            let mut later = times.iter().filter(|(of, time)| *of == client && *time > fault);
            later.next().map(|(_, time)| *time - fault)
        };
        let mut waits: Vec<_> = (0..clients).filter_map(next).collect();
        waits.sort_unstable();
        waits
    }
}
