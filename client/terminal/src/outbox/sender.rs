//! Sends the waiting lines in order, each under its id until its result is known: consecutive texts
//! together, any other line alone.

mod texts;

use std::future::pending;
use std::path::Path;

use qchat_client::proto::ClientId;
use qchat_client::{Backoff, Client, Code, UserName};
use tokio::task::{JoinHandle, block_in_place};
use tokio::time::sleep;

use crate::command::Command;
use crate::error::{CommandError, CommandResult};
use crate::execute::{AnsweredUploads, ExecOptions, TaskEnd, retry_later, spawn_command};
use crate::outbox::file::OutboxError;
use crate::outbox::queue::Outbox;
use crate::outcome::{LateResult, Outcome};
use texts::OutboxTexts;

/// The outbox of one user, with the line or the texts that are being sent.
#[derive(Debug)]
pub(crate) struct Delivery {
    user: UserName,
    outbox: Outbox,
    sending: Option<Sending>,
    texts: Option<OutboxTexts>,
    /// Whether the server refuses a stream of texts on this connection.
    texts_are_refused: bool,
    /// The notes of uploads that are answered, while their lines may still be on the disk.
    answered: Vec<AnsweredUploads>,
    backoff: Backoff,
}

#[derive(Debug)]
struct Sending {
    task: JoinHandle<CommandResult<Outcome>>,
    answered: AnsweredUploads,
}

impl Delivery {
    /// The outbox of `user` in `folders`, and the notices about the lines in it.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub(crate) fn open(
        user: UserName,
        folders: &[impl AsRef<Path>],
    ) -> Result<(Self, Vec<String>), OutboxError> {
        let (outbox, mut remarks) = Outbox::open(folders)?;
        match outbox.len() {
            0 => {}
            1 => remarks.push("1 line from last time is waiting".to_owned()),
            lines => remarks.push(format!("{lines} lines from last time are waiting")),
        }
        let delivery = Self {
            user,
            outbox,
            sending: None,
            texts: None,
            texts_are_refused: false,
            answered: Vec::new(),
            backoff: Backoff::default(),
        };
        Ok((delivery, remarks))
    }

    /// The user of these lines.
    pub(crate) fn user(&self) -> &UserName {
        &self.user
    }

    /// The number of waiting lines.
    pub(crate) fn waiting(&self) -> usize {
        self.outbox.len()
    }

    /// Whether the first line sends a file, which may take long.
    pub(crate) fn sends_file(&self) -> bool {
        self.outbox.first().is_some_and(|first| matches!(first.line, Command::SendFile { .. }))
    }

    /// Appends a line; returns the notice for the user.
    ///
    /// # Errors
    /// [`CommandError`]: the line is not kept, and will not be sent.
    pub(crate) fn push(
        &mut self,
        id: ClientId,
        text: &str,
        line: &Command,
    ) -> CommandResult<String> {
        self.outbox.push(id, text, line)?;
        self.end_answered();
        Ok(match self.outbox.len() {
            1 => "kept; it is sent when the connection is back".to_owned(),
            lines => format!("kept; it is sent after the {} before it", lines - 1),
        })
    }

    /// Sends the first line and waits for its result; waits for ever if no line can be sent. Texts right behind
    /// a text are sent meanwhile.
    ///
    /// # Cancel safety
    /// Cancel safe: the sending goes on.
    pub(crate) async fn step(
        &mut self,
        signed_in: Option<(Client, UserName)>,
        options: &ExecOptions,
    ) -> TaskEnd {
        if self.outbox.len() == 0 {
            return pending().await;
        }
        if self.sending.is_none() && self.texts.is_none() {
            let client = signed_in.filter(|(_, user)| *user == self.user);
            let Some((client, _)) = client else { return pending().await };
            sleep(self.backoff.pause()).await;
            if let Err(failure) = self.begin(client, options).await {
                self.backoff.failed();
                return retry_later(&failure).unwrap_or(TaskEnd::Retry);
            }
        }
        let (result, answered) = match self.texts.is_some() {
            true => (self.text_answered().await, None),
            false => self.line_answered().await,
        };
        if let Err(failure) = &result
            && let Some(step) = retry_later(failure)
        {
            // The texts are sent again from the first. Texts that the server has stored, or still stores, keep
            // their order: each is sent after those before it, both times, and is stored once.
            let texts = self.texts.take();
            self.texts_are_refused |= texts.is_some_and(|texts| texts.is_refused());
            self.backoff.failed();
            return step;
        }
        self.backoff.reset();
        self.answered.extend(answered);
        self.done(result)
    }

    /// Begins to send the first line, or opens a stream of texts if the first two lines are texts.
    async fn begin(&mut self, client: Client, options: &ExecOptions) -> CommandResult<()> {
        let Some(first) = self.outbox.first() else { return Ok(()) };
        let are_texts = (0..2).all(|place| self.outbox.text(place).is_some());
        if are_texts && !self.texts_are_refused {
            let texts = OutboxTexts::open(client.clone()).await;
            self.texts_are_refused |= texts.is_err() && !client.is_closed();
            self.texts = Some(texts?);
            return Ok(());
        }
        // A prompt may be up.
        let answered = AnsweredUploads::default();
        let notes = options.unfinished.clone();
        let unfinished = notes.map(|notes| notes.keep_answered(answered.clone()));
        let options =
            ExecOptions { progress: options.progress.without_bar(), unfinished, ..options.clone() };
        let task = spawn_command(&client, first.id, &first.line, options);
        self.sending = Some(Sending { task, answered });
        Ok(())
    }

    /// The answer to the first of the texts.
    async fn text_answered(&mut self) -> CommandResult<Outcome> {
        loop {
            let Some(texts) = &mut self.texts else { return pending().await };
            match texts.answered(&self.outbox).await {
                Some(answer) => return answer.map(Outcome::Sent),
                None => self.save(),
            }
        }
    }

    /// The result of a line that is sent alone.
    async fn line_answered(&mut self) -> (CommandResult<Outcome>, Option<AnsweredUploads>) {
        let Some(sending) = &mut self.sending else { return pending().await };
        let ended = (&mut sending.task).await;
        let answered = std::mem::take(&mut sending.answered);
        self.sending = None;
        let lost = |panic: tokio::task::JoinError| {
            Err(CommandError::refused(Code::Internal, panic.to_string()))
        };
        (ended.unwrap_or_else(lost), Some(answered))
    }

    /// Removes the first line, and returns its result.
    fn done(&mut self, result: CommandResult<Outcome>) -> TaskEnd {
        let line = self.outbox.pop().map(|first| first.text).unwrap_or_default();
        // Answers to further texts may have come already: one save is for all of them.
        if self.texts.as_ref().is_none_or(OutboxTexts::is_empty) {
            self.texts = None;
            self.save();
        }
        TaskEnd::Done(Box::new(LateResult { line, result }))
    }

    /// Removes the answered lines from the disk. If that fails, the next client sends them again, without
    /// effect.
    pub(crate) fn save(&mut self) {
        if self.outbox.save_popped().is_ok() {
            self.end_answered();
        }
    }

    /// Ends the notes of lines that are no longer on the disk.
    fn end_answered(&mut self) {
        block_in_place(|| self.answered.drain(..).for_each(|answered| answered.end()));
    }

    /// Notes a new connection, on which lines are sent at once.
    pub(crate) fn note_connection(&mut self) {
        self.texts_are_refused = false;
        self.backoff.reset();
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if let Some(sending) = &self.sending {
            // The line stays in the outbox, and is sent again under its id.
            sending.task.abort();
        }
    }
}
