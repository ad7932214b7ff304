//! The times of all answers: how long each client waited because of a fault.

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

    /// For each of the clients, the longest time without an answer since a fault, sorted.
    pub(crate) fn waits(&self, fault: Instant, clients: usize) -> Vec<Duration> {
        let times = self.times.lock().unwrap();
        let longest = |client| {
            let own = times.iter().filter(|(of, time)| *of == client && *time > fault);
            let own = own.map(|(_, time)| *time).chain([Instant::now()]);
            let gap = |(last, longest): (Instant, Duration), time| (time, longest.max(time - last));
            own.fold((fault, Duration::ZERO), gap).1
        };
        let mut waits: Vec<_> = (0..clients).map(longest).collect();
        waits.sort_unstable();
        waits
    }
}
