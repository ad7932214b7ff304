//! The texts that are under way at once, in the order of the lines that wait.

use std::collections::VecDeque;
use std::future::{pending, ready};

use qchat_client::proto::{Address, ClientId};
use qchat_client::{CallError, Client, Message, MessageText, SentText, TextStream};

use crate::error::CommandError;
use crate::outbox::queue::Outbox;

/// The first lines of an outbox, all of them texts, on one stream. The stream bounds how many have no answer.
#[derive(Debug)]
pub(super) struct OutboxTexts {
    stream: TextStream,
    /// The connection that carries it.
    client: Client,
    /// Those that were handed over: of the first line, the second one, and so on.
    under_way: VecDeque<SentText>,
}

impl OutboxTexts {
    /// # Errors
    /// [`CallError`]: nothing is sent.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(super) async fn open(client: Client) -> Result<Self, CallError> {
        let stream = client.text_stream().await?;
        Ok(Self { stream, client, under_way: VecDeque::new() })
    }

    /// Waits for the answer to the first line, and hands further ones over meanwhile. `None` if there is
    /// nothing to do at once and the disk does not know yet of answers that came before.
    ///
    /// # Cancel safety
    /// Cancel safe: what was handed over stays under way.
    pub(super) async fn answered(
        &mut self,
        outbox: &Outbox,
    ) -> Option<Result<Message, CommandError>> {
        let Self { stream, under_way, .. } = self;
        loop {
            // A stream that has ended says why to the first line.
            let goes_on = under_way.is_empty() || !stream.has_ended();
            let next = outbox.text(under_way.len()).filter(|_| goes_on);
            tokio::select! {
                biased;
                handed_over = hand_over(stream, next) => match handed_over {
                    Ok(sent) => under_way.push_back(sent),
                    Err(error) if under_way.is_empty() => return Some(Err(error.into())),
                    Err(_) => {}
                },
                answer = first_answer(under_way) => {
                    under_way.pop_front();
                    return Some(answer.map_err(CommandError::from));
                }
                () = ready(()), if outbox.is_behind() => return None,
            }
        }
    }

    /// Whether no text is under way.
    pub(super) fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }

    /// Whether the server has ended the stream, and the connection stands: it is an older one, or it has too
    /// many streams.
    pub(super) fn is_refused(&self) -> bool {
        self.stream.has_ended() && !self.client.is_closed()
    }
}

async fn hand_over(
    stream: &TextStream,
    next: Option<(ClientId, Address, MessageText)>,
) -> Result<SentText, CallError> {
    match next {
        Some((id, to, text)) => stream.send(id, to, text).await,
        None => pending().await,
    }
}

async fn first_answer(under_way: &mut VecDeque<SentText>) -> Result<Message, CallError> {
    match under_way.front_mut() {
        Some(first) => first.answer().await,
        None => pending().await,
    }
}
