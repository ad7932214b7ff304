//! The transfers in the background of a prompt. Each keeps its id until its result is known.

mod transfer;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use qchat_client::proto::Code;
use qchat_client::{Backoff, Client, UserName};
use tokio::task::JoinError;
use tokio::time::{Instant, sleep_until};

use crate::command::Command;
use crate::error::{CommandError, CommandResult};
use crate::execute::{ExecOptions, TaskEnd, retry_later};
use crate::outcome::{LateResult, Outcome, TransferRow, TransferState};
use transfer::{BackgroundTransfer, in_words};

/// How many transfers move at once. More would only share one connection in smaller pieces.
const RUNNING_MAX: usize = 4;

/// How many transfers there may be, with those that wait.
const UNDER_WAY_MAX: usize = 64;

/// How many ended transfers are listed.
const ENDED_MAX: usize = 20;

/// The transfers of one prompt.
#[derive(Debug)]
pub(crate) struct BackgroundTransfers {
    /// The number of the last transfer.
    number: u32,
    /// In the order of their lines.
    under_way: VecDeque<BackgroundTransfer>,
    ended: VecDeque<TransferRow>,
    backoff: Backoff,
    /// No transfer starts before this time.
    not_before: Instant,
}

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
    /// Adds a transfer after the others, and returns its number.
    ///
    /// # Errors
    /// [`CommandError`]: there are too many.
    pub(crate) fn push(&mut self, text: &str, command: Command) -> CommandResult<u32> {
        if self.under_way.len() >= UNDER_WAY_MAX {
            let text =
                format!("{UNDER_WAY_MAX} transfers are under way; wait for one, or stop one");
            return Err(CommandError::refused(Code::TooManyTransfers, text));
        }
        self.number = self.number.saturating_add(1);
        self.under_way.push_back(BackgroundTransfer::new(self.number, text, command));
        Ok(self.number)
    }

    /// Starts the transfers that can start, and waits for the end of an attempt. Waits for ever if no transfer
    /// runs.
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
            let can_start = client.is_some() && self.next_idle().is_some();
            let not_before = self.not_before;
            tokio::select! {
                (index, result) = first_end(&mut self.under_way) => return self.end(index, result),
                () = sleep_until(not_before), if can_start => {
                    while let (Some(client), Some(transfer)) = (client, self.next_idle()) {
                        transfer.start(client, options);
                    }
                }
            }
        }
    }

    /// The next transfer that may start.
    fn next_idle(&mut self) -> Option<&mut BackgroundTransfer> {
        let running = self.under_way.iter().filter(|transfer| transfer.task.is_some()).count();
        let mut idle = self.under_way.iter_mut().filter(|transfer| transfer.task.is_none());
        idle.next().filter(|_| running < RUNNING_MAX)
    }

    fn end(&mut self, index: usize, ended: Result<CommandResult<Outcome>, JoinError>) -> TaskEnd {
        let result = ended
            .unwrap_or_else(|panic| Err(CommandError::refused(Code::Internal, panic.to_string())));
        if let Err(failure) = &result
            && let Some(end) = retry_later(failure)
        {
            // A lost connection ends several transfers at once, and counts once.
            if self.not_before <= Instant::now() {
                self.backoff.failed();
                self.not_before = Instant::now() + self.backoff.pause();
            }
            return end;
        }
        self.backoff.reset();
        let Some(transfer) = self.under_way.remove(index) else { return TaskEnd::Retry };
        let line = transfer.text.clone();
        self.remember(&transfer, in_words(&result));
        TaskEnd::Done(Box::new(LateResult { line, result }))
    }

    /// Notes that there is a new connection: transfers may start at once.
    pub(crate) fn connection_restored(&mut self) {
        self.backoff.reset();
        self.not_before = Instant::now();
    }

    /// Stops a transfer, and returns the remark about it.
    ///
    /// # Errors
    /// [`CommandError`]: no transfer has that number.
    pub(crate) fn stop(&mut self, number: u32) -> CommandResult<String> {
        let index = self.under_way.iter().position(|transfer| transfer.number == number);
        let transfer = index.and_then(|index| self.under_way.remove(index)).ok_or_else(|| {
            let text = format!("no transfer {number} is under way");
            CommandError::refused(Code::TransferNotFound, text)
        })?;
        let remark = transfer.stop_notice();
        self.remember(&transfer, "stopped".to_owned());
        Ok(remark)
    }

    /// Stops all transfers, and returns the remarks about them.
    pub(crate) fn stop_all(&mut self) -> Vec<String> {
        let numbers: Vec<_> = self.under_way.iter().map(|transfer| transfer.number).collect();
        numbers.into_iter().filter_map(|number| self.stop(number).ok()).collect()
    }

    /// The transfers that have ended lately, and then those that are under way.
    pub(crate) fn rows(&self) -> Vec<TransferRow> {
        let under_way = self.under_way.iter().map(BackgroundTransfer::row);
        self.ended.iter().cloned().chain(under_way).collect()
    }

    fn remember(&mut self, transfer: &BackgroundTransfer, result: String) {
        if self.ended.len() >= ENDED_MAX {
            self.ended.pop_front();
        }
        let (direction, name) = transfer.asked();
        let state = TransferState::Ended(result);
        self.ended.push_back(TransferRow { number: transfer.number, direction, name, state });
    }
}

/// Waits for the first transfer whose task ends.
async fn first_end(
    transfers: &mut VecDeque<BackgroundTransfer>,
) -> (usize, Result<CommandResult<Outcome>, JoinError>) {
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
