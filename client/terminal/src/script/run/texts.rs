//! The texts of a script that are sent without waiting for each answer. Results come in the order of the lines.

use std::collections::VecDeque;
use std::future::pending;

use qchat_client::proto::ClientId;
use qchat_client::{Client, Message, SentText, TextStream};
use tokio::time::{Instant, timeout};

use crate::command::Command;
use crate::deadline::Deadline;
use crate::error::{CommandError, CommandResult};
use crate::execute::{Executor, LineRetry, LineStatus};
use crate::outcome::Outcome;

/// The most texts under way. More would not bring the answers sooner.
const UNDER_WAY_MAX: usize = 1000;

/// A text that was sent.
#[derive(Debug)]
struct PendingText {
    command: String,
    line: Command,
    id: ClientId,
    deadline: Deadline,
    sent: SentText,
    /// The number of the stream that carries it.
    stream: u64,
}

/// The texts that were sent and are not reported yet.
#[derive(Debug, Default)]
pub(super) struct ScriptTexts {
    /// The stream of the texts, and its connection.
    stream: Option<(TextStream, Client)>,
    /// The number of that stream.
    number: u64,
    /// A connection on which the server refuses a stream of texts: an older server, or one with too many streams.
    refusing: Option<Client>,
    begun: VecDeque<PendingText>,
    /// The time of the last report: the time limit of the next text begins then, if it was sent before.
    reported_at: Option<Instant>,
}

impl ScriptTexts {
    pub(super) fn is_empty(&self) -> bool {
        self.begun.is_empty()
    }

    /// Whether another text can be begun.
    pub(super) fn has_room(&self) -> bool {
        self.begun.len() < UNDER_WAY_MAX
    }

    /// Sends the text of a line, or returns the status of the line if that is known at once.
    pub(super) async fn begin(
        &mut self,
        executor: &mut Executor,
        command: &str,
        line: Command,
    ) -> Option<LineStatus> {
        let id = ClientId::random();
        executor.begin_line();
        // A text must not overtake those without an answer on an earlier stream.
        let is_next = self.begun.is_empty() || !self.is_lost(self.begun.back());
        if is_next && self.open(executor).await.is_some() {
            let deadline = executor.options().time.deadline;
            if let Some(begun) = self.send(command, line.clone(), (id, deadline)).await {
                self.begun.push_back(begun);
                return None;
            }
        }
        let mut worst = None;
        if !self.is_empty() {
            // These lines stand before it.
            worst = self.report_all(executor).await;
            executor.begin_line();
        }
        let result = executor.run_until_deadline(&line, id, LineRetry::default()).await;
        let outcome = executor.report(command, result).await;
        Some(worst.into_iter().fold(outcome, LineStatus::worse))
    }

    /// Reports the first text, which has this answer, or sends it again.
    pub(super) async fn report_first(
        &mut self,
        executor: &mut Executor,
        answer: CommandResult<Message>,
    ) -> Option<LineStatus> {
        let first = self.begun.pop_front()?;
        let result = match answer {
            Err(failure) if self.is_lost(Some(&first)) && failure.code.is_connection_lost() => {
                let deadline = self.deadline_of(&first);
                let result =
                    executor.retry_after_loss(&first.line, (first.id, deadline), failure).await;
                if executor.is_connected() {
                    self.begin_again(executor).await;
                }
                result
            }
            answer => answer.map(Outcome::Sent),
        };
        self.reported_at = Some(Instant::now());
        Some(executor.report(&first.command, result).await)
    }

    /// The answer to the first text; waits for ever if none is under way.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(super) async fn answered(&mut self) -> CommandResult<Message> {
        let deadline = self.begun.front().map(|first| self.deadline_of(first));
        let (Some(deadline), Some(first)) = (deadline, self.begun.front_mut()) else {
            return pending().await;
        };
        let late = format!("the server did not answer within {}", deadline.in_words());
        match timeout(deadline.left(), first.sent.answer()).await {
            Ok(answer) => answer.map_err(CommandError::from),
            Err(_) => Err(CommandError::outcome_unknown(late)),
        }
    }

    /// Reports all texts under way; returns the worst status.
    pub(super) async fn report_all(&mut self, executor: &mut Executor) -> Option<LineStatus> {
        let mut worst: Option<LineStatus> = None;
        while !self.is_empty() {
            let answer = self.answered().await;
            let outcome = self.report_first(executor, answer).await;
            worst = match (worst, outcome) {
                (Some(one), Some(other)) => Some(one.worse(other)),
                (one, other) => one.or(other),
            };
            if matches!(worst, Some(LineStatus::OutputClosed(_))) {
                self.begun.clear();
            }
        }
        worst
    }

    /// The time limit of a text begins with the answer to the text before: the server may have been busy with that.
    fn deadline_of(&self, begun: &PendingText) -> Deadline {
        self.reported_at.map_or(begun.deadline, |at| begun.deadline.not_before(at))
    }

    /// Whether the stream of a text has ended, so that it gets no answer there.
    fn is_lost(&self, begun: Option<&PendingText>) -> bool {
        let is_on_last = begun.is_some_and(|begun| begun.stream == self.number);
        !is_on_last || self.stream.as_ref().is_none_or(|(stream, _)| stream.has_ended())
    }

    /// Sends the texts again, in their order and under their ids: the server stores each once. If one
    /// cannot be sent, it and those after it are sent one by one when they are first.
    ///
    /// Some may be stored already, and others of the lost connection may still be on their way to the store.
    /// The order holds: on both streams each text comes before those after it, and its first arrival decides
    /// its place.
    async fn begin_again(&mut self, executor: &mut Executor) {
        let mut again = std::mem::take(&mut self.begun);
        executor.begin_line();
        if self.open(executor).await.is_some() {
            while let Some(begun) = again.pop_front() {
                let PendingText { command, line, id, deadline, .. } = &begun;
                let sent_as = (*id, deadline.not_before(Instant::now()));
                match self.send(command, line.clone(), sent_as).await {
                    Some(begun) => self.begun.push_back(begun),
                    None => {
                        again.push_front(begun);
                        break;
                    }
                }
            }
        }
        self.begun.append(&mut again);
    }

    /// Sends a text on the open stream.
    async fn send(
        &self,
        command: &str,
        line: Command,
        (id, deadline): (ClientId, Deadline),
    ) -> Option<PendingText> {
        let (to, text) = line.text()?;
        let (stream, _) = self.stream.as_ref()?;
        let sent = timeout(deadline.left(), stream.send(id, to, text)).await.ok()?.ok()?;
        let command = command.to_owned();
        Some(PendingText { command, line, id, deadline, sent, stream: self.number })
    }

    /// Opens the stream if there is none, and if the server can be reached at once.
    async fn open(&mut self, executor: &mut Executor) -> Option<()> {
        if let Some((_, client)) = self.stream.take_if(|(stream, _)| stream.has_ended()) {
            self.refusing = Some(client);
        }
        if self.refusing.as_ref().is_some_and(|client| !client.is_closed()) {
            return None;
        }
        if self.stream.is_none() {
            let client = executor.connected().await.ok()?;
            let opened =
                timeout(executor.options().time.deadline.left(), client.text_stream()).await;
            self.stream = Some((opened.ok()?.ok()?, client));
            self.number += 1;
        }
        Some(())
    }
}
