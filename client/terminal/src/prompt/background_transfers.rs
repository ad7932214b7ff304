//! The transfers that go on in the background of a prompt, each under its id until it is known what came
//! of it.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use qchat_client::proto::ClientId;
use qchat_client::{Backoff, Client, Code, UserName};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Instant, sleep_until};

use crate::command::Command;
use crate::error::CommandError;
use crate::execute::{ExecOptions, TaskEnd, retry_later, spawn_command};

use crate::outcome::{
    LateResult, Outcome, ProgressMeter, TransferDirection, TransferRow, TransferState,
};
use crate::output::{BarMode, ProgressOptions};

/// How many move at once. More would only share the same link in smaller pieces.
const RUNNING_MAX: usize = 4;

/// How many there may be, with those that wait for their turn.
const UNDER_WAY_MAX: usize = 64;

/// How many are remembered that have ended.
const ENDED_MAX: usize = 20;

/// The transfers of one prompt.
#[derive(Debug)]
pub(crate) struct BackgroundTransfers {
    /// The last number that was given.
    number: u32,
    /// In the order in which they were begun.
    under_way: VecDeque<BackgroundTransfer>,
    ended: VecDeque<TransferRow>,
    backoff: Backoff,
    /// None begins before this.
    not_before: Instant,
}

#[derive(Debug)]
struct BackgroundTransfer {
    number: u32,
    text: String,
    line: Command,
    id: ClientId,
    meter: Arc<ProgressMeter>,
    task: Option<Task>,
}

type Task = JoinHandle<Result<Outcome, CommandError>>;

impl Default for BackgroundTransfers {
    fn default() -> Self {
        Self {
            number: 0,
            under_way: VecDeque::new(),
            ended: VecDeque::new(),
            backoff: Backoff::default(),
            not_before: Instant::now(),
        }
    }
}

impl BackgroundTransfers {
    /// Puts a line behind the others, and says its number.
    ///
    /// # Errors
    /// [`CommandError`]: there are too many.
    pub(crate) fn push(&mut self, text: &str, line: Command) -> Result<u32, CommandError> {
        if self.under_way.len() >= UNDER_WAY_MAX {
            let text =
                format!("{UNDER_WAY_MAX} transfers are under way; wait for one, or stop one");
            return Err(CommandError::refused(Code::TooManyTransfers, text));
        }
        self.number = self.number.saturating_add(1);
        self.under_way.push_back(BackgroundTransfer {
            number: self.number,
            text: text.trim_end().to_owned(),
            line,
            id: ClientId::random(),
            meter: Arc::default(),
            task: None,
        });
        Ok(self.number)
    }

    /// Moves what can be moved, and waits for the first of which something has come; for ever where
    /// none moves.
    ///
    /// # Cancel safety
    /// Cancel safe: the transfers go on.
    pub(crate) async fn step(
        &mut self,
        signed_in: Option<(Client, UserName)>,
        options: &ExecOptions,
    ) -> TaskEnd {
        loop {
            let client = signed_in.as_ref().map(|(client, _)| client);
            let can_begin = client.is_some() && self.next_idle().is_some();
            let not_before = self.not_before;
            tokio::select! {
                (index, result) = first_end(&mut self.under_way) => return self.end(index, result),
                () = sleep_until(not_before), if can_begin => {
                    while let (Some(client), Some(transfer)) = (client, self.next_idle()) {
                        transfer.begin(client, options);
                    }
                }
            }
        }
    }

    /// The transfer whose turn it is to begin, if there is room.
    fn next_idle(&mut self) -> Option<&mut BackgroundTransfer> {
        let running = self.under_way.iter().filter(|transfer| transfer.task.is_some()).count();
        let mut idle = self.under_way.iter_mut().filter(|transfer| transfer.task.is_none());
        idle.next().filter(|_| running < RUNNING_MAX)
    }

    fn end(
        &mut self,
        index: usize,
        ended: Result<Result<Outcome, CommandError>, JoinError>,
    ) -> TaskEnd {
        let result = ended
            .unwrap_or_else(|panic| Err(CommandError::refused(Code::Internal, panic.to_string())));
        if let Err(failure) = &result
            && let Some(step) = retry_later(failure)
        {
            // Those that a lost link ends together are one failure.
            if self.not_before <= Instant::now() {
                self.backoff.failed();
                self.not_before = Instant::now() + self.backoff.pause();
            }
            return step;
        }
        self.backoff.reset();
        let Some(transfer) = self.under_way.remove(index) else { return TaskEnd::Retry };
        let line = transfer.text.clone();
        self.remember(&transfer, outcome(&result));
        TaskEnd::Done(Box::new(LateResult { line, result }))
    }

    /// Notes that a new link may be tried at once.
    pub(crate) fn link_is_back(&mut self) {
        self.backoff.reset();
        self.not_before = Instant::now();
    }

    /// Ends a transfer; says what is to be told.
    ///
    /// # Errors
    /// [`CommandError`]: none has that number.
    pub(crate) fn stop(&mut self, number: u32) -> Result<String, CommandError> {
        let index = self.under_way.iter().position(|transfer| transfer.number == number);
        let transfer = index.and_then(|index| self.under_way.remove(index)).ok_or_else(|| {
            CommandError::refused(
                Code::TransferNotFound,
                format!("no transfer {number} is under way"),
            )
        })?;
        let told = transfer.stop_notice();
        self.remember(&transfer, "stopped".to_owned());
        Ok(told)
    }

    /// Ends all; says what is to be told.
    pub(crate) fn stop_all(&mut self) -> Vec<String> {
        let numbers: Vec<_> = self.under_way.iter().map(|transfer| transfer.number).collect();
        numbers.into_iter().filter_map(|number| self.stop(number).ok()).collect()
    }

    /// What is under way, and before it what has ended lately.
    pub(crate) fn rows(&self) -> Vec<TransferRow> {
        self.ended
            .iter()
            .cloned()
            .chain(self.under_way.iter().map(BackgroundTransfer::row))
            .collect()
    }

    fn remember(&mut self, transfer: &BackgroundTransfer, outcome: String) {
        if self.ended.len() >= ENDED_MAX {
            self.ended.pop_front();
        }
        let (direction, name) = transfer.asked();
        let state = TransferState::Ended(outcome);
        self.ended.push_back(TransferRow { number: transfer.number, direction, name, state });
    }
}

/// The first of the transfers that ends, and how.
async fn first_end(
    transfers: &mut VecDeque<BackgroundTransfer>,
) -> (usize, Result<Result<Outcome, CommandError>, JoinError>) {
    poll_fn(|context| {
        for (index, transfer) in transfers.iter_mut().enumerate() {
            let Some(task) = &mut transfer.task else { continue };
            if let Poll::Ready(ended) = Pin::new(task).poll(context) {
                transfer.task = None;
                return Poll::Ready((index, ended));
            }
        }
        Poll::Pending
    })
    .await
}

impl BackgroundTransfer {
    fn begin(&mut self, client: &Client, options: &ExecOptions) {
        let meter = Some(Arc::clone(&self.meter));
        // A prompt may be shown, and other transfers move at the same time.
        let progress = ProgressOptions { bars: BarMode::Off, meter, has_moved: Arc::default() };
        let options = ExecOptions { progress, ..options.clone() };
        self.task = Some(spawn_command(client, self.id, &self.line, options));
    }

    fn stop_notice(&self) -> String {
        let reading = self.meter.read();
        let file = reading.file.map(|(file, files)| format!(" in file {file} of {files}"));
        let file = file.unwrap_or_default();
        let place = match reading.percent() {
            // Bytes that were handed over may not have arrived.
            100 => format!("{file} at its last bytes"),
            percent => format!("{file} at {percent} %"),
        };
        let Self { number, text, .. } = self;
        format!("stopped {number}{place}; the same line again goes on there: {text}")
    }

    /// The direction, and the name that was asked for.
    fn asked(&self) -> (TransferDirection, String) {
        match &self.line {
            Command::SendFile { files, .. } => (TransferDirection::Send, last_part(&files.whole())),
            Command::Download { name, .. } => (TransferDirection::Fetch, name.clone()),
            _ => (TransferDirection::Fetch, self.text.clone()),
        }
    }

    fn row(&self) -> TransferRow {
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

/// What came of it, in a few words.
fn outcome(result: &Result<Outcome, CommandError>) -> String {
    match result {
        Ok(answer) => match (answer.error(), answer.sent(), answer) {
            (Some(failure), ..) => failure.text,
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
