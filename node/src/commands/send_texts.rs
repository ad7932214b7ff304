//! Sending many texts in order, without a round trip for each.
//!
//! One task reads and queues the texts, and another one answers them in the same order. At most
//! [`COMMANDS_AT_WORK_MAX`](crate::limits::COMMANDS_AT_WORK_MAX) of an account are queued. A peer that does
//! not read its answers is not read from.

use std::sync::Arc;
use std::time::Duration;

use qchat_proto::command::{Done, SendText, SendTexts, TextOutcome};
use qchat_proto::limits::REQUEST_BYTES_MAX;
use qchat_proto::{Command, Message, Refusal, frame, quic_codes};
use quinn::{RecvStream, VarInt};
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::auth::SignedIn;
use crate::clock;
use crate::connection::{CommandContext, Handler, RequestError, Scheduling};
use crate::error::{CommandError, CommandResult};
use crate::limits::{AccountLimits, COMMANDS_AT_WORK_MAX, TokenBucket};
use crate::live::event_frame;
use crate::state::ServerState;
use crate::store::changes::{Content, Post};

/// The bytes of answers that are sent together: a few of the longest ones, or a packet full of short ones.
const ANSWERS_BYTES_MAX: usize = 1024;

/// How long the stream of the texts may take to come.
const STREAM_TIME_MAX: Duration = Duration::from_secs(30);

/// How long a text may take to arrive once it has begun: the longest one at 300 bytes a second.
const TEXT_TIME_MAX: Duration = Duration::from_secs(60);

impl Handler for SendTexts {
    type Caller = SignedIn;

    const SCHEDULING: Scheduling = Scheduling::Streaming;

    async fn run(self, caller: SignedIn, context: &mut CommandContext) -> CommandResult<Done> {
        let _permit = context.state.text_streams.take(&caller.user)?;
        let mut waiting =
            context.pending_streams.expect(self.transfer).ok_or(Refusal::TransferFailed)?;
        let stream = timeout(STREAM_TIME_MAX, waiting.stream()).await;
        let mut stream = stream.ok().flatten().ok_or(Refusal::TransferFailed)?;
        let (queued, mut answers) = mpsc::channel(COMMANDS_AT_WORK_MAX);
        let receiver = TextReceiver {
            state: Arc::clone(&context.state),
            bucket: Arc::clone(&context.bucket),
            account: context.state.rate_limits.account(&caller.user),
            caller: caller.clone(),
        };
        let violations = Arc::clone(&context.violations);
        let receiving = async {
            let taken = receiver.receive_all(&mut stream, queued).await;
            if matches!(&taken, Err(error) if !matches!(error, RequestError::Gone)) {
                violations.note();
                // Fails only if the peer has ended the stream before.
                let _ = stream.stop(VarInt::from_u32(quic_codes::BAD_REQUEST));
            }
            taken.map_err(|_| CommandError::from(Refusal::TransferFailed))
        };
        let answering = async {
            while let Some(first) = answers.recv().await {
                // Answers of the same commit are sent in the same packet.
                let mut next = Some(first);
                let mut frames = Vec::new();
                while let Some(answer) = next {
                    let answer =
                        answer.await.unwrap_or_else(|panic| Err(CommandError::unknown(panic)));
                    frames.extend_from_slice(&event_frame(&outcome(answer)));
                    let has_room = frames.len() < ANSWERS_BYTES_MAX;
                    next = if has_room { answers.try_recv().ok() } else { None };
                }
                context.send_frames(&frames).await?;
                context.charge_for_rows().await;
            }
            Ok(())
        };
        // The first error ends both; queued texts are committed all the same.
        tokio::try_join!(receiving, answering)?;
        match caller.ended.is_cancelled() {
            true => Err(context.session_end_reason().into()),
            false => Ok(Done),
        }
    }
}

/// The answer to a queued text. A task of its own waits for it, so that a peer that does not read its answers
/// does not keep the account's slots.
type PendingAnswer = JoinHandle<CommandResult<Message>>;

fn outcome(sent: CommandResult<Message>) -> TextOutcome {
    match sent {
        Ok(message) => TextOutcome::Stored { id: message.id, at: message.at },
        Err(error) => TextOutcome::Refused(error.into_refusal(SendTexts::NAME)),
    }
}

/// Receives texts and queues them in the store.
struct TextReceiver {
    state: Arc<ServerState>,
    bucket: Arc<TokenBucket>,
    account: Arc<AccountLimits>,
    caller: SignedIn,
}

impl TextReceiver {
    /// Receives texts until the stream or the session ends. A queued text gets its answer also if the session
    /// ends meanwhile: after the refusal that tells of the end, nothing more is stored.
    async fn receive_all(
        &self,
        stream: &mut RecvStream,
        queued: mpsc::Sender<PendingAnswer>,
    ) -> Result<(), RequestError> {
        while let Some(text) = self.next_charged(stream).await? {
            if queued.send(self.queue(text).await).await.is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Receives a text and acquires its tokens; `None` at the end of the stream or the session.
    async fn next_charged(
        &self,
        stream: &mut RecvStream,
    ) -> Result<Option<SendText>, RequestError> {
        let receiving = async {
            let text = next_text(stream).await?;
            if let Some(text) = &text {
                self.charge_for(text).await;
            }
            Ok(text)
        };
        self.caller.ended.run_until_cancelled(receiving).await.unwrap_or(Ok(None))
    }

    /// Charges as much as for one `SendText`.
    async fn charge_for(&self, text: &SendText) {
        let tokens = text.tokens(&self.state);
        self.bucket.acquire(tokens).await;
        self.account.bucket.acquire(tokens).await;
    }

    /// Queues a text as soon as the account has a slot for it. The slot is kept until the text is committed.
    async fn queue(&self, SendText { id, to, text }: SendText) -> PendingAnswer {
        let slot = self.account.command_slot().await;
        let user = self.caller.user.clone();
        // Files yield to chat at the disk: this text is about to be synced.
        self.state.file_store.disk_priority.note_chat();
        let content = Content::Text(text);
        let post = Post { id, from: user, to, at: clock::now(), content };
        let queued = self.state.store.queue(post).await;
        tokio::spawn(async move {
            let answer = queued?.await;
            drop(slot);
            Ok(answer?)
        })
    }
}

/// The next text, or `None` at the end of the stream.
async fn next_text(stream: &mut RecvStream) -> Result<Option<SendText>, RequestError> {
    let mut first = [0];
    match stream.read(&mut first).await {
        Ok(Some(1)) => {}
        Ok(_) => return Ok(None),
        Err(_) => return Err(RequestError::Gone),
    }
    let mut whole = first.as_slice().chain(stream);
    let text = timeout(TEXT_TIME_MAX, frame::read(&mut whole, REQUEST_BYTES_MAX)).await;
    match text.map_err(|_| RequestError::TooSlow)? {
        Ok(text) => Ok(Some(text)),
        Err(frame::ReadError::Stream(_)) => Err(RequestError::Gone),
        Err(frame::ReadError::TooLong { .. }) => Err(RequestError::TooLong),
        Err(frame::ReadError::Decode(error)) => Err(error.into()),
    }
}
