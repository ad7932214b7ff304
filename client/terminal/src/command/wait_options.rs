//! The options about receipts, before the receiver: `--wait STAGE` and `--timeout SECONDS`.

use std::time::Duration;

use qchat_proto::Stage;

use crate::command::words::Words;
use crate::values::Seconds;

/// The stage for which the line waits, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WaitOptions {
    pub(crate) stage: Stage,
    /// Counted from the moment when the message is stored. `None` is the rest of the time of the line.
    pub(crate) limit: Option<Duration>,
}

impl Default for WaitOptions {
    fn default() -> Self {
        Self { stage: Stage::Stored, limit: None }
    }
}

impl WaitOptions {
    /// Parses the options at the beginning of the words.
    ///
    /// # Errors
    /// A sentence that says what is wrong with an option's value.
    pub(crate) fn take(words: &mut Words<'_>) -> Result<Self, String> {
        let mut wait = Self::default();
        loop {
            let mut ahead = words.clone();
            match ahead.next() {
                Some("--wait") => wait.stage = stage(ahead.next())?,
                Some("--timeout") => wait.limit = Some(limit(ahead.next())?),
                _ => return Ok(wait),
            }
            *words = ahead;
        }
    }
}

/// The word that `--wait` takes for a stage.
pub(crate) fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Stored => "stored",
        Stage::Delivered => "delivered",
        Stage::Read => "read",
    }
}

fn stage(word: Option<&str>) -> Result<Stage, String> {
    match word {
        Some("stored") => Ok(Stage::Stored),
        Some("delivered") => Ok(Stage::Delivered),
        Some("read") => Ok(Stage::Read),
        _ => Err("--wait takes stored, delivered or read".to_owned()),
    }
}

fn limit(word: Option<&str>) -> Result<Duration, String> {
    let word = word.ok_or("--timeout takes a number of seconds from 1")?;
    let Seconds(seconds) = word.parse().map_err(|why| format!("--timeout: {why}"))?;
    Ok(Duration::from_secs(seconds))
}
