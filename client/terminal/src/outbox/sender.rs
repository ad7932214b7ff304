//! Sends the lines that wait in their order, each under its id until it is known what came of it: texts that
//! stand together at once, any other line alone.

mod texts;

use std::future::pending;
use std::path::Path;

use qchat_client::proto::ClientId;
use qchat_client::{Backoff, Client, UserName};
use tokio::task::{JoinHandle, block_in_place};
use tokio::time::sleep;

use crate::command::Line;
use crate::error::Failure;
use crate::execute::Answered;
use crate::execute::{Manner, perform};
use crate::outbox::file::OutboxError;
use crate::outbox::queue::Outbox;
use crate::outcome::Answer;
use crate::output::Bars;
use crate::prompt::Sent;
use texts::Texts;

/// The outbox of one user, and what is on its way: a line, or texts.
#[derive(Debug)]
pub(crate) struct Delivery {
    user: UserName,
    outbox: Outbox,
    sending: Option<Sending>,
    texts: Option<Texts>,
    /// The server takes no stream of texts on this link.
    texts_are_refused: bool,
    /// The notes of lines that are sent, and may still lie on the disk.
    answered: Vec<Answered>,
    backoff: Backoff,
}

#[derive(Debug)]
struct Sending {
    task: JoinHandle<Result<Answer, Failure>>,
    answered: Answered,
}

/// What has come of sending.
#[derive(Debug)]
pub(crate) enum Step {
    /// The first line is done, or is refused.
    Sent(Box<Sent>),
    /// The link was lost, or the server does not want it now: it stays the first.
    NotYet,
    /// Its user is not signed in any more: it stays the first.
    SignedOut,
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
        self.outbox.first().is_some_and(|first| matches!(first.line, Line::SendFile { .. }))
    }

    /// Puts a line behind the others; says what is to be told.
    ///
    /// # Errors
    /// [`Failure`]: it is not kept, and will not be sent.
    pub(crate) fn push(
        &mut self,
        id: ClientId,
        text: &str,
        line: &Line,
    ) -> Result<String, Failure> {
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
        manner: &Manner,
    ) -> Step {
        if self.outbox.len() == 0 {
            return pending().await;
        }
        if self.sending.is_none() && self.texts.is_none() {
            let client = signed_in.filter(|(_, user)| *user == self.user);
            let Some((client, _)) = client else { return pending().await };
            sleep(self.backoff.pause()).await;
            if let Err(failure) = self.begin(client, manner).await {
                self.backoff.failed();
                return not_yet(&failure).unwrap_or(Step::NotYet);
            }
        }
        let (result, answered) = match self.texts.is_some() {
            true => (self.text_answered().await, None),
            false => self.line_answered().await,
        };
        if let Err(failure) = &result
            && let Some(step) = not_yet(failure)
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
    async fn begin(&mut self, client: Client, manner: &Manner) -> Result<(), Failure> {
        let Some(first) = self.outbox.first() else { return Ok(()) };
        let are_texts = (0..2).all(|place| self.outbox.text(place).is_some());
        if are_texts && !self.texts_are_refused {
            let texts = Texts::open(client.clone()).await;
            self.texts_are_refused |= texts.is_err() && !client.is_closed();
            self.texts = Some(texts?);
            return Ok(());
        }
        // A prompt may be up.
        let answered = Answered::default();
        let notes = manner.unfinished.clone();
        let unfinished = notes.map(|notes| notes.that_wait(answered.clone()));
        let manner = Manner { bars: Bars::Off, unfinished, ..manner.clone() };
        let task = set_off(&client, first.id, &first.line, manner);
        self.sending = Some(Sending { task, answered });
        Ok(())
    }

    /// The answer to the first of the texts.
    async fn text_answered(&mut self) -> Result<Answer, Failure> {
        loop {
            let Some(texts) = &mut self.texts else { return pending().await };
            match texts.answered(&self.outbox).await {
                Some(answer) => return answer.map(Answer::Sent),
                None => self.save(),
            }
        }
    }

    /// The answer to a line that is sent alone.
    async fn line_answered(&mut self) -> (Result<Answer, Failure>, Option<Answered>) {
        let Some(sending) = &mut self.sending else { return pending().await };
        let ended = (&mut sending.task).await;
        let answered = std::mem::take(&mut sending.answered);
        self.sending = None;
        let lost =
            |panic: tokio::task::JoinError| Err(Failure::refused("internal", panic.to_string()));
        (ended.unwrap_or_else(lost), Some(answered))
    }

    /// Takes out the first line.
    fn done(&mut self, result: Result<Answer, Failure>) -> Step {
        let line = self.outbox.pop().map(|first| first.text).unwrap_or_default();
        // Answers to further texts may be there already: one save is for all of them.
        if self.texts.as_ref().is_none_or(Texts::is_empty) {
            self.texts = None;
            self.save();
        }
        Step::Sent(Box::new(Sent { line, result }))
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

/// Does a line under its id, in a task of its own.
pub(crate) fn set_off(
    client: &Client,
    id: ClientId,
    line: &Line,
    mut manner: Manner,
) -> JoinHandle<Result<Answer, Failure>> {
    manner.begin();
    let (client, line) = (client.with_request_id(id), line.clone());
    tokio::spawn(async move { perform(&client, &line, &manner).await })
}

/// What is to be done where the same line may be answered otherwise another time.
pub(crate) fn not_yet(failure: &Failure) -> Option<Step> {
    match failure.code {
        "unreachable" | "outcome_unknown" | "busy" | "shutting_down" | "transfer_failed" => {
            Some(Step::NotYet)
        }
        "not_logged_in" | "session_ended" => Some(Step::SignedOut),
        _ => None,
    }
}
