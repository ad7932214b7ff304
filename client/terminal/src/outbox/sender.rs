//! Sends the lines that wait in their order, each under its id until it is known what came of it: texts that
//! stand together at once, any other line alone.

mod texts;

use std::future::pending;
use std::path::Path;

use qchat_client::proto::ClientId;
use qchat_client::{Backoff, Client, Code, UserName};
use tokio::task::{JoinHandle, block_in_place};
use tokio::time::sleep;

use crate::command::Command;
use crate::error::CommandError;
use crate::execute::{AnsweredUploads, ExecOptions, TaskEnd, retry_later, spawn_command};
use crate::outbox::file::OutboxError;
use crate::outbox::queue::Outbox;
use crate::outcome::{LateResult, Outcome};
use texts::OutboxTexts;

/// The outbox of one user, and what is on its way: a line, or texts.
#[derive(Debug)]
pub(crate) struct Delivery {
    user: UserName,
    outbox: Outbox,
    sending: Option<Sending>,
    texts: Option<OutboxTexts>,
    /// The server takes no stream of texts on this link.
    texts_are_refused: bool,
    /// The notes of lines that are sent, and may still lie on the disk.
    answered: Vec<AnsweredUploads>,
    backoff: Backoff,
}

#[derive(Debug)]
struct Sending {
    task: JoinHandle<Result<Outcome, CommandError>>,
    answered: AnsweredUploads,
}

impl Delivery {
    /// The delivery of what `user` types, kept in `folder`; and what is to be said of what lies there.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub(crate) fn open(user: UserName, folder: &Path) -> Result<(Self, Vec<String>), OutboxError> {
        let (outbox, mut remarks) = Outbox::open(folder)?;
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

    /// Whose lines these are.
    pub(crate) fn user(&self) -> &UserName {
        &self.user
    }

    /// How many lines wait.
    pub(crate) fn waiting(&self) -> usize {
        self.outbox.len()
    }

    /// Whether the first line sends a file, which may take its time.
    pub(crate) fn sends_file(&self) -> bool {
        self.outbox.first().is_some_and(|first| matches!(first.line, Command::SendFile { .. }))
    }

    /// Puts a line behind the others; says what is to be told.
    ///
    /// # Errors
    /// [`CommandError`]: it is not kept, and will not be sent.
    pub(crate) fn push(
        &mut self,
        id: ClientId,
        text: &str,
        line: &Command,
    ) -> Result<String, CommandError> {
        self.outbox.push(id, text, line)?;
        self.end_answered();
        Ok(match self.outbox.len() {
            1 => "kept; it is sent when the connection is back".to_owned(),
            lines => format!("kept; it is sent after the {} before it", lines - 1),
        })
    }

    /// Sends the first line where it can be sent, and waits for what comes of it; for ever where it
    /// cannot. Texts right behind a text are sent meanwhile.
    ///
    /// # Cancel safety
    /// Cancel safe: what is sent goes on being sent.
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
            // The texts begin again from the first. Those that the server has already, or has still to do, keep
            // their places: each was sent behind those before it, then as now, and is done once.
            let texts = self.texts.take();
            self.texts_are_refused |= texts.is_some_and(|texts| texts.is_refused());
            self.backoff.failed();
            return step;
        }
        self.backoff.reset();
        self.answered.extend(answered);
        self.done(result)
    }

    /// Sets off the first line, or opens a stream for it and the next if both are texts.
    async fn begin(&mut self, client: Client, options: &ExecOptions) -> Result<(), CommandError> {
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
    async fn text_answered(&mut self) -> Result<Outcome, CommandError> {
        loop {
            let Some(texts) = &mut self.texts else { return pending().await };
            match texts.answered(&self.outbox).await {
                Some(answer) => return answer.map(Outcome::Sent),
                None => self.save(),
            }
        }
    }

    /// The answer to a line that is sent alone.
    async fn line_answered(&mut self) -> (Result<Outcome, CommandError>, Option<AnsweredUploads>) {
        let Some(sending) = &mut self.sending else { return pending().await };
        let ended = (&mut sending.task).await;
        let answered = std::mem::take(&mut sending.answered);
        self.sending = None;
        let lost = |panic: tokio::task::JoinError| {
            Err(CommandError::refused(Code::Internal, panic.to_string()))
        };
        (ended.unwrap_or_else(lost), Some(answered))
    }

    /// Takes out the first line.
    fn done(&mut self, result: Result<Outcome, CommandError>) -> TaskEnd {
        let line = self.outbox.pop().map(|first| first.text).unwrap_or_default();
        // Answers to further texts may be there already: one save is for all of them.
        if self.texts.as_ref().is_none_or(OutboxTexts::is_empty) {
            self.texts = None;
            self.save();
        }
        TaskEnd::Done(Box::new(LateResult { line, result }))
    }

    /// Brings the disk up to date. Where it does not take that, the next client sends the lines again, to no
    /// effect.
    pub(crate) fn save(&mut self) {
        if self.outbox.save_popped().is_ok() {
            self.end_answered();
        }
    }

    /// Ends the notes of lines that do not lie on the disk any more, since it has taken what waits now.
    fn end_answered(&mut self) {
        block_in_place(|| self.answered.drain(..).for_each(|answered| answered.end()));
    }

    /// Notes that a new link may be tried at once.
    pub(crate) fn link_is_back(&mut self) {
        self.texts_are_refused = false;
        self.backoff.reset();
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if let Some(sending) = &self.sending {
            // It is sent again under its id, if it needs to be.
            sending.task.abort();
        }
    }
}
