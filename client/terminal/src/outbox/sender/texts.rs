//! The texts that are sent without waiting for each answer, in the order of the waiting lines.

use std::collections::VecDeque;
use std::future::{pending, ready};

use qchat_client::proto::{Address, ClientId};
use qchat_client::{CallError, Client, Message, MessageText, SentText, TextStream};

use crate::error::{CommandError, CommandResult};
use crate::outbox::queue::Outbox;

/// The first lines of an outbox, all of them texts, on one stream. The stream bounds the unanswered ones.
#[derive(Debug)]
pub(super) struct OutboxTexts {
    stream: TextStream,
    /// The connection of the stream.
    client: Client,
    /// The texts that were sent: of the first line, the second line, and so on.
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

    /// Waits for the answer to the first line, and sends further ones meanwhile. `None` if there is
    /// nothing to do at once and answered lines are still on the disk.
    ///
    /// # Cancel safety
    /// Cancel safe: sent texts stay under way.
    pub(super) async fn answered(&mut self, outbox: &Outbox) -> Option<CommandResult<Message>> {
        let Self { stream, under_way, .. } = self;
        loop {
            // The answer to the first line has the reason why a stream has ended.
            let goes_on = under_way.is_empty() || !stream.has_ended();
            let next = outbox.text(under_way.len()).filter(|_| goes_on);
            tokio::select! {
                biased;
                sent = send(stream, next) => match sent {
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

    /// Whether the server has ended the stream, but not the connection: an older server, or one with too many
    /// streams.
    pub(super) fn is_refused(&self) -> bool {
        self.stream.has_ended() && !self.client.is_closed()
    }
}

async fn send(
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
