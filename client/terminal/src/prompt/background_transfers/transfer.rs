//! One transfer in the background, and the task of its attempt.

use std::path::Path;
use std::sync::Arc;

use qchat_client::Client;
use qchat_client::proto::ClientId;
use tokio::task::JoinHandle;

use crate::command::Command;
use crate::error::CommandResult;
use crate::execute::{ExecOptions, spawn_command};
use crate::outcome::{Outcome, ProgressMeter, TransferDirection, TransferRow, TransferState};
use crate::output::{BarMode, ProgressOptions};

/// One transfer. Dropping it ends its attempt.
#[derive(Debug)]
pub(super) struct BackgroundTransfer {
    pub(super) number: u32,
    pub(super) text: String,
    command: Command,
    id: ClientId,
    meter: Arc<ProgressMeter>,
    /// The attempt, if one runs.
    pub(super) task: Option<Task>,
}

type Task = JoinHandle<CommandResult<Outcome>>;

impl BackgroundTransfer {
    pub(super) fn new(number: u32, text: &str, command: Command) -> Self {
        Self {
            number,
            text: text.trim_end().to_owned(),
            command,
            id: ClientId::random(),
            meter: Arc::default(),
            task: None,
        }
    }

    /// Starts an attempt.
    pub(super) fn start(&mut self, client: &Client, options: &ExecOptions) {
        let meter = Some(Arc::clone(&self.meter));
        // A prompt may be shown, and other transfers move at the same time.
        let progress = ProgressOptions { bars: BarMode::Off, meter, has_moved: Arc::default() };
        let options = ExecOptions { progress, ..options.clone() };
        self.task = Some(spawn_command(client, self.id, &self.command, options));
    }

    /// The remark about a transfer that is stopped.
    pub(super) fn stop_notice(&self) -> String {
        let reading = self.meter.read();
        let file = reading.file.map(|(file, files)| format!(" in file {file} of {files}"));
        let file = file.unwrap_or_default();
        let place = match reading.percent() {
            // The last bytes may be sent and not yet received.
            100 => format!("{file} at its last bytes"),
            percent => format!("{file} at {percent} %"),
        };
        let Self { number, text, .. } = self;
        format!("stopped {number}{place}; the same line again goes on there: {text}")
    }

    /// The direction, and the name in the line.
    pub(super) fn asked(&self) -> (TransferDirection, String) {
        match &self.command {
            Command::SendFile { files, .. } => (TransferDirection::Send, last_part(&files.whole())),
            Command::Download { name, .. } => (TransferDirection::Fetch, name.clone()),
            _ => (TransferDirection::Fetch, self.text.clone()),
        }
    }

    pub(super) fn row(&self) -> TransferRow {
        let reading = self.meter.read();
        let (direction, asked) = self.asked();
        TransferRow {
            number: self.number,
            direction,
            name: reading.name.clone().unwrap_or(asked),
            state: match self.task {
                Some(_) => TransferState::Moves(reading),
                None => TransferState::Waits(reading),
            },
        }
    }
}

impl Drop for BackgroundTransfer {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

fn last_part(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// The result of a transfer, in a few words.
pub(super) fn in_words(result: &CommandResult<Outcome>) -> String {
    match result {
        Ok(outcome) => match (outcome.error(), outcome.sent(), outcome) {
            (Some(error), ..) => error.text,
            (None, [message], _) => format!("sent {}", message.id),
            (None, [], Outcome::Saved { path, was_here: true, .. }) => {
                format!("already there: {path}")
            }
            (None, [], Outcome::Saved { path, .. }) => format!("saved {path}"),
            (None, [], Outcome::SavedFiles(saved)) => format!("saved {} files", saved.files.len()),
            (None, messages, _) => format!("sent {} files", messages.len()),
        },
        Err(failure) => format!("failed: {}", failure.code),
    }
}
