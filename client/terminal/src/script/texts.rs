//! The texts of a script that are under way at once. They are told in the order of their lines.

use std::collections::VecDeque;

use qchat_client::proto::ClientId;
use qchat_client::{CallError, Client, Message, SentText, TextStream};
use tokio::time::timeout;

use crate::answer::Answer;
use crate::deadline::Deadline;
use crate::failure::Failure;
use crate::line::Line;
use crate::persistence::Persistence;
use crate::shell::{Outcome, Shell};

/// How many texts may be under way. The server's answers to more would not come sooner.
const UNDER_WAY_MAX: usize = 1000;

/// A text that was handed over.
#[derive(Debug)]
struct Begun {
    command: String,
    line: Line,
    id: ClientId,
    deadline: Deadline,
    sent: SentText,
}

/// The texts that were handed over and are not told yet.
#[derive(Debug, Default)]
pub(super) struct Texts {
    /// The stream that they go on, and the connection that carries it.
    stream: Option<(TextStream, Client)>,
    /// The server takes no stream of texts on a connection that stands: an older one, or one that has too many.
    is_refused: bool,
    begun: VecDeque<Begun>,
}

impl Texts {
    pub(super) fn is_empty(&self) -> bool {
        self.begun.is_empty()
    }

    /// Whether another text can be begun.
    pub(super) fn has_room(&self) -> bool {
        self.begun.len() < UNDER_WAY_MAX
    }

    /// Hands the text of a line over, or returns what came of the line if that is known at once.
    pub(super) async fn begin(
        &mut self,
        shell: &mut Shell,
        command: &str,
        line: Line,
    ) -> Option<Outcome> {
        let id = ClientId::random();
        shell.begin();
        if let Some(begun) = self.hand_over(shell, command, &line, id).await {
            self.begun.push_back(begun);
            return None;
        }
        let mut worst = None;
        if !self.is_empty() {
            // In this order: those lines stand before it.
            worst = self.tell_all(shell).await;
            shell.begin();
        }
        let result = shell.done_in_time(&line, id, Persistence::default()).await;
        let outcome = shell.tell(command, result).await;
        Some(worst.into_iter().fold(outcome, Outcome::worse))
    }

    /// Tells the first text, which has this answer, or sends it again.
    pub(super) async fn tell_first(
        &mut self,
        shell: &mut Shell,
        answer: Result<Message, Failure>,
    ) -> Option<Outcome> {
        let first = self.begun.pop_front()?;
        let result = match answer {
            Err(failure) if self.is_lost() && failure.is_of_the_link() => {
                let result =
                    shell.done_again(&first.line, (first.id, first.deadline), failure).await;
                self.begin_again(shell).await;
                result
            }
            answer => answer.map(Answer::Sent),
        };
        Some(shell.tell(&first.command, result).await)
    }

    /// The answer to the first text; waits for ever if none is under way.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(super) async fn answered(&mut self) -> Result<Message, Failure> {
        let Some(first) = self.begun.front_mut() else { return std::future::pending().await };
        let late = format!("the server did not answer within {}", first.deadline.in_words());
        match timeout(first.deadline.left(), first.sent.answer()).await {
            Ok(answer) => answer.map_err(Failure::from),
            Err(_) => Err(Failure::outcome_unknown(late)),
        }
    }

    /// Tells all that are under way; returns the worst that came of them.
    pub(super) async fn tell_all(&mut self, shell: &mut Shell) -> Option<Outcome> {
        let mut worst: Option<Outcome> = None;
        while !self.is_empty() {
            let answer = self.answered().await;
            let outcome = self.tell_first(shell, answer).await;
            worst = match (worst, outcome) {
                (Some(one), Some(other)) => Some(one.worse(other)),
                (one, other) => one.or(other),
            };
            if matches!(worst, Some(Outcome::OutputClosed(_))) {
                self.begun.clear();
            }
        }
        worst
    }

    /// Whether the stream has ended, so that its texts get no answer there.
    fn is_lost(&self) -> bool {
        self.stream.as_ref().is_none_or(|(stream, _)| stream.has_ended())
    }

    /// Hands the texts over once more, in their order and under their ids: the server does each once.
    ///
    /// Some may be stored already, and others of the lost connection may still be on their way to the store.
    /// The order holds: on either stream each text comes before those after it, and its place is the one of
    /// its first arrival.
    async fn begin_again(&mut self, shell: &mut Shell) {
        let again: Vec<_> = self.begun.drain(..).collect();
        for begun in again {
            let Begun { command, line, id, deadline, sent } = begun;
            shell.begin();
            match self.hand_over(shell, &command, &line, id).await {
                Some(begun) => self.begun.push_back(Begun { deadline, ..begun }),
                // It is done alone when its turn comes.
                None => self.begun.push_back(Begun { command, line, id, deadline, sent }),
            }
        }
    }

    async fn hand_over(
        &mut self,
        shell: &mut Shell,
        command: &str,
        line: &Line,
        id: ClientId,
    ) -> Option<Begun> {
        let (to, text) = line.text()?;
        let deadline = shell.manner().deadline;
        let stream = self.stream(shell).await?;
        let sent = timeout(deadline.left(), stream.send(id, to, text)).await.ok()?.ok()?;
        Some(Begun { command: command.to_owned(), line: line.clone(), id, deadline, sent })
    }

    /// The stream, opened if there is none and if the server can be reached at once.
    async fn stream(&mut self, shell: &mut Shell) -> Option<&TextStream> {
        if let Some((_, client)) = self.stream.take_if(|(stream, _)| stream.has_ended()) {
            self.is_refused |= !client.is_closed();
        }
        if self.stream.is_none() && !self.is_refused {
            let client = shell.connected().await.ok()?;
            let opened = timeout(shell.manner().deadline.left(), client.text_stream()).await;
            let opened: Result<TextStream, CallError> = opened.ok()?;
            self.stream = Some((opened.ok()?, client));
        }
        self.stream.as_ref().map(|(stream, _)| stream)
    }
}
