//! Sending many texts without waiting for each answer, in order.

use std::sync::{Arc, Mutex};

use qchat_proto::command::{SendText, SendTexts, TextOutcome};
use qchat_proto::file_stream::FileHeader;
use qchat_proto::{
    Address, Body, ClientId, Message, MessageText, Refusal, UserName, frame, quic_codes,
};
use qchat_transfer::ConnectionWindows;
use quinn::{SendStream, VarInt};
use tokio::sync::{mpsc, oneshot};

use crate::client::Client;
use crate::connection::Call;
use crate::error::{CallError, NoAnswer, in_one_line};
use crate::lock::lock;

/// The most texts without an answer: more than a path of 1,000 packets a second and a second of delay
/// holds. Each takes at most the memory of the longest text.
const UNANSWERED_MAX: usize = 1024;

/// The most texts that wait to be written together: short ones share a packet.
const READY_MAX: usize = 64;

/// The most bytes that are written at a time.
const WRITTEN_BYTES_MAX: usize = 16 * 1024;

/// A stream of texts, stored by the server in the order of the calls. Dropping it ends the stream when all
/// texts are sent.
///
/// A lost connection ends the stream for good. The texts without an answer can be sent again on another
/// connection, in the same order and under the same ids: the server stores each once.
#[derive(Debug)]
pub struct TextStream {
    texts: mpsc::Sender<OutgoingText>,
    ended: Arc<Mutex<Option<NoAnswer>>>,
}

/// A text that was sent, and its answer.
#[derive(Debug)]
pub struct SentText {
    answer: oneshot::Receiver<Result<Message, CallError>>,
    ended: Arc<Mutex<Option<NoAnswer>>>,
}

#[derive(Debug)]
struct OutgoingText {
    text: SendText,
    answer: oneshot::Sender<Result<Message, CallError>>,
}

impl Client {
    /// Opens a stream of texts for the user who is signed in. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`CallError`]; [`Refusal::NotLoggedIn`] if nobody is signed in. If the server refuses the stream, its texts
    /// learn that it has ended.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is sent.
    pub async fn text_stream(&self) -> Result<TextStream, CallError> {
        let from = self.user().ok_or(CallError::Refused(Refusal::NotLoggedIn))?;
        let connection = self.connection();
        let transfer = connection.new_transfer();
        let call = Call::ask(connection, SendTexts { transfer }).await?;
        let stream = connection.open_uni().await?;
        let (texts, outgoing) = mpsc::channel(READY_MAX);
        let (unanswered, waiting) = mpsc::channel(UNANSWERED_MAX);
        let ended = Arc::new(Mutex::new(None));
        let windows = Arc::clone(&connection.windows);
        let writer = Writer { stream, windows, texts: outgoing, unanswered };
        let reader = Reader { call, waiting, from, ended: Arc::clone(&ended) };
        tokio::spawn(writer.run(FileHeader { transfer }));
        tokio::spawn(reader.run());
        Ok(TextStream { texts, ended })
    }
}

impl TextStream {
    /// Sends a text, and returns its answer to wait for. Waits while too many texts are without an answer.
    ///
    /// # Errors
    /// [`CallError::NotSent`]: the stream has ended.
    ///
    /// # Cancel safety
    /// Cancel safe: a call that did not return sent nothing.
    pub async fn send(
        &self,
        id: ClientId,
        to: Address,
        text: MessageText,
    ) -> Result<SentText, CallError> {
        let (told, answer) = oneshot::channel();
        let outgoing = OutgoingText { text: SendText { id, to, text }, answer: told };
        let sent = SentText { answer, ended: Arc::clone(&self.ended) };
        match self.texts.send(outgoing).await {
            Ok(()) => Ok(sent),
            Err(_) => Err(CallError::NotSent(why_ended(&self.ended))),
        }
    }

    /// Whether the stream has ended: texts without an answer get none any more.
    pub fn has_ended(&self) -> bool {
        self.texts.is_closed() || lock(&self.ended).is_some()
    }
}

impl SentText {
    /// The message as it is stored.
    ///
    /// # Errors
    /// [`CallError`].
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn answer(&mut self) -> Result<Message, CallError> {
        // The stream ended before this answer. The server may have stored the text.
        let lost = |_| Err(CallError::OutcomeUnknown(why_ended(&self.ended)));
        (&mut self.answer).await.unwrap_or_else(lost)
    }
}

fn why_ended(ended: &Mutex<Option<NoAnswer>>) -> NoAnswer {
    let ended = lock(ended);
    ended.clone().unwrap_or(NoAnswer::Closed)
}

/// Writes the texts.
struct Writer {
    stream: SendStream,
    windows: Arc<ConnectionWindows>,
    texts: mpsc::Receiver<OutgoingText>,
    unanswered: mpsc::Sender<OutgoingText>,
}

impl Writer {
    /// An error ends this task alone: the reader meets the same error, and reports it.
    async fn run(mut self, header: FileHeader) {
        let mut bytes = frame::encode_frame(&header);
        while let Some(first) = self.texts.recv().await {
            let mut next = Some(first);
            while let Some(outgoing) = next {
                bytes.extend(frame::encode_frame(&outgoing.text));
                // Before the text is written: the reader has to know the text when its answer comes.
                if self.unanswered.send(outgoing).await.is_err() {
                    return;
                }
                let has_room = bytes.len() < WRITTEN_BYTES_MAX;
                next = if has_room { self.texts.try_recv().ok() } else { None };
            }
            let written = tokio::select! {
                written = self.windows.write_before_files(self.stream.write_all(&bytes)) => written.is_ok(),
                // The reader has given up: the server may have stopped reading, too.
                () = self.unanswered.closed() => false,
            };
            if !written {
                // Half a text must not look like a whole one.
                let _ = self.stream.reset(VarInt::from_u32(quic_codes::TOO_SLOW));
                return;
            }
            bytes.clear();
        }
        // Fails only if the server has stopped the stream.
        let _ = self.stream.finish();
    }
}

/// Reads the answers.
struct Reader {
    call: Call<SendTexts>,
    waiting: mpsc::Receiver<OutgoingText>,
    from: UserName,
    ended: Arc<Mutex<Option<NoAnswer>>>,
}

impl Reader {
    async fn run(mut self) {
        while let Some(outgoing) = self.waiting.recv().await {
            match self.call.event_in_time().await {
                Ok(outcome) => self.answer(outgoing, outcome),
                Err(error) => return self.end(error, outgoing),
            }
        }
    }

    /// Ends the stream. The callers that wait for later answers learn it when this value is dropped.
    fn end(self, error: CallError, first: OutgoingText) {
        let reason = match error {
            CallError::NotSent(reason) | CallError::OutcomeUnknown(reason) => reason,
            CallError::Refused(Refusal::ShuttingDown) => NoAnswer::ShuttingDown,
            // The stream itself is refused, for example because nobody is signed in any more.
            other => NoAnswer::Lost(in_one_line(&other)),
        };
        *lock(&self.ended) = Some(reason.clone());
        let _ = first.answer.send(Err(CallError::OutcomeUnknown(reason)));
    }

    fn answer(&self, outgoing: OutgoingText, outcome: TextOutcome) {
        let OutgoingText { text, answer } = outgoing;
        let told = match outcome {
            TextOutcome::Stored { id, at } => {
                let body = Body::Text(text.text);
                Ok(Message { id, from: self.from.clone(), at, body, unread: false })
            }
            TextOutcome::Refused(Refusal::OutcomeUnknown(incident)) => {
                Err(CallError::OutcomeUnknown(NoAnswer::ServerFailed(incident)))
            }
            TextOutcome::Refused(refusal) => Err(CallError::Refused(refusal)),
        };
        // Fails if nobody waits for the answer any more.
        let _ = answer.send(told);
    }
}
