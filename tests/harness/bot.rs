//! A client that runs `listen`, as a bot does.

use std::path::PathBuf;
use std::time::Instant;

use rustix::process::Signal;
use serde_json::Value;

use super::client::Client;
use super::process::{Ended, Running};
use super::{DEADLINE, files_below, keys, text};

/// A listener that prints JSON.
pub(crate) struct Bot(pub(crate) Running);

impl Bot {
    pub(crate) fn listen(client: &Client, options: &[&str]) -> Self {
        Self(client.start(&[&["listen", "--json"], options].concat()))
    }

    /// The next printed message.
    #[track_caller]
    pub(crate) fn next(&mut self) -> Value {
        let Some(line) = self.0.output_line() else { panic!("it ended: {:?}", self.error()) };
        let mut event: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(keys(&event), ["event", "message"]);
        assert_eq!(event["event"], "message");
        event["message"].take()
    }

    /// The texts of the next messages.
    #[track_caller]
    pub(crate) fn texts(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| text(&self.next()["text"]).to_owned()).collect()
    }

    pub(crate) fn acknowledge(&self, id: &str) {
        self.0.write(format!("{id}\n").as_bytes());
    }

    /// Everything on standard error.
    pub(crate) fn error(&mut self) -> String {
        std::iter::from_fn(|| self.0.error_line()).map(|line| line + "\n").collect()
    }

    pub(crate) fn end(self, signal: Signal) -> Ended {
        self.0.signal(signal);
        self.0.finish()
    }

    /// Stops the listener with SIGTERM, and returns the output that no caller has read.
    #[track_caller]
    pub(crate) fn stopped(self) -> String {
        let ended = self.end(Signal::TERM);
        assert_eq!(ended.status, Some(0), "{ended:?}");
        ended.output
    }
}

/// Waits until the listener has this line in its cursor file.
#[track_caller]
pub(crate) fn wait_for_cursor(client: &Client, cursor: &str) {
    // Not the lock file beside it, nor the temporary file that will replace it.
    let is_cursors =
        |path: &PathBuf| path.ends_with("bot") && path.iter().any(|part| part == "cursors");
    let until = Instant::now() + DEADLINE;
    while Instant::now() < until {
        let files = files_below(client.home());
        let kept = files.into_iter().filter(is_cursors).map(std::fs::read_to_string);
        if kept.flatten().any(|kept| kept.lines().any(|line| line == cursor)) {
            return;
        }
        std::thread::yield_now();
    }
    panic!("not kept: {cursor}");
}
