//! One stream: a request, its handler, its answer.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use qchat_proto::file_stream::FileHeader;
use qchat_proto::limits::FILE_HEADER_BYTES_MAX;
use qchat_proto::{Command, Handle, Refusal, frame, quic_codes};
use quinn::{RecvStream, VarInt};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::auth::Caller;
use crate::connection::context::{CommandContext, PendingStreams};
use crate::connection::read_request::{self, RequestError};
use crate::connection::violations::{Violation, Violations};
use crate::error::CommandResult;
use crate::error_chain::error_chain;
use crate::limits::{CommandSlot, TokenBucket, cost};
use crate::state::ServerState;

/// How long the header of a file's stream may take.
const HEADER_TIME_MAX: Duration = Duration::from_secs(8);

/// How long a file's stream waits for its command.
const COMMAND_TIME_MAX: Duration = Duration::from_secs(5);

/// An answer of at most so many bytes frees its slot before it is sent: it takes little memory.
const SHORT_ANSWER_BYTES: usize = 4 * 1024;

/// The handler of a command.
pub(crate) trait Handler: Command {
    /// The caller that the command needs: signed in or signed out.
    type Caller: Caller;

    /// The slot that the command waits for.
    const SCHEDULING: Scheduling = Scheduling::Queued;

    /// The command's cost in tokens, at least one.
    fn tokens(&self, _: &ServerState) -> u32 {
        1
    }

    /// Runs the command. The reply tells only what is durable.
    fn run(
        self,
        caller: Self::Caller,
        context: &mut CommandContext,
    ) -> impl Future<Output = CommandResult<Self::Reply>> + Send;
}

/// The slot that a command waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheduling {
    /// One of the account's few slots for commands, which are answered as soon as the server can.
    Queued,
    /// One of the account's few slots for session control. The command waits for no other command of the
    /// account: that may belong to the session that is to be ended.
    SessionControl,
    /// No slot: the command takes as long as its peer does. Its handler bounds how many an account may have.
    Streaming,
}

impl CommandContext {
    /// Reads the request, runs its command, and waits until the peer has the answer. The request has to be
    /// complete before `too_late`.
    pub(super) async fn run_stream(mut self, mut request: RecvStream, too_late: CancellationToken) {
        let reading = async {
            // Charged before anything is read, so that a stream which is opened and reset costs as well.
            self.bucket.acquire(1).await;
            let slot = self.long_request_slot();
            read_request::read(&mut request, self.session.auth_state(), slot).await
        };
        let error = match too_late.run_until_cancelled(reading).await {
            Some(Ok((request, slot))) => {
                self.long_request_slot = slot.flatten();
                return request.dispatch(self).await;
            }
            Some(Err(error)) => error,
            None => RequestError::TooSlow,
        };
        match &error {
            RequestError::Gone => return,
            RequestError::TooSlow => self.reset(&mut request, quic_codes::TOO_SLOW),
            RequestError::TooLongSignedOut => {
                let _ = request.stop(VarInt::from_u32(quic_codes::BAD_REQUEST));
                let refusal = frame::encode_frame(&Err::<(), _>(Refusal::NotLoggedIn));
                self.send_reply(refusal, None).await;
            }
            RequestError::Garbage(_) | RequestError::TooLong | RequestError::Scattered => {
                self.reset(&mut request, quic_codes::BAD_REQUEST);
            }
        }
        if self.violations.note() == Violation::First {
            let peer = self.connection.remote_address();
            tracing::warn!(%peer, error = error_chain(&error), "bad request");
        }
    }

    /// Waits for the account's slot for a long request.
    async fn long_request_slot(&self) -> Result<Option<CommandSlot>, RequestError> {
        let Some(user) = self.session.user() else { return Ok(None) };
        let account = self.state.rate_limits.account(&user);
        self.unless_closed(account.long_request_slot()).await.map_err(|_| RequestError::Gone)
    }

    /// Waits for the command's tokens, then for its slot.
    async fn tokens_and_slot(
        &self,
        tokens: u32,
        scheduling: Scheduling,
    ) -> Result<Option<CommandSlot>, Refusal> {
        let Some(user) = self.session.user() else {
            self.unless_closed(self.bucket.acquire(cost::SIGNED_OUT_COST)).await?;
            return Ok(None);
        };
        let account = self.state.rate_limits.account(&user);
        let waiting = async {
            // The connection has paid one token before the request was read.
            self.bucket.acquire(tokens.saturating_sub(1)).await;
            if scheduling == Scheduling::SessionControl {
                return account.session_control_slot().await;
            }
            account.bucket.acquire(tokens).await;
            match scheduling {
                Scheduling::Queued => account.command_slot().await,
                Scheduling::SessionControl | Scheduling::Streaming => None,
            }
        };
        self.unless_closed(waiting).await
    }

    /// Resets this stream in both directions. The connection's other streams go on.
    fn reset(&mut self, request: &mut RecvStream, code: u32) {
        // Both fail only if the peer has ended its side before.
        let _ = request.stop(VarInt::from_u32(code));
        let _ = self.reply_stream.reset(VarInt::from_u32(code));
    }
}

/// Hands a file's stream to the command that waits for it.
pub(super) async fn pair_file_stream(
    mut stream: RecvStream,
    pending: Arc<PendingStreams>,
    violations: Arc<Violations>,
    bucket: Arc<TokenBucket>,
) {
    bucket.acquire(1).await;
    let header = frame::read::<FileHeader>(&mut stream, FILE_HEADER_BYTES_MAX);
    let (mut stream, code) = match timeout(HEADER_TIME_MAX, header).await {
        Ok(Ok(header)) => {
            match pending.deliver_within(COMMAND_TIME_MAX, header.transfer, stream).await {
                Ok(()) => return,
                // Not a violation: the command may have ended meanwhile.
                Err(unexpected) => (unexpected, quic_codes::UNEXPECTED_STREAM),
            }
        }
        Ok(Err(_)) => {
            violations.note();
            (stream, quic_codes::UNEXPECTED_STREAM)
        }
        Err(_) => {
            violations.note();
            (stream, quic_codes::TOO_SLOW)
        }
    };
    // Fails only if the peer has ended the stream before.
    let _ = stream.stop(VarInt::from_u32(code));
}

impl<C: Handler> Handle<C> for CommandContext {
    async fn handle(mut self, command: C) {
        if let Some(user) =
            self.session.user().filter(|_| C::SCHEDULING != Scheduling::SessionControl)
        {
            self.account = Some(self.state.rate_limits.account(&user));
        }
        let tokens = command.tokens(&self.state);
        let (mut slot, caller) = match self.tokens_and_slot(tokens, C::SCHEDULING).await {
            Ok(slot) => (slot, C::Caller::admit(&self.session)),
            Err(refusal) => (None, Err(refusal)),
        };
        if C::SCHEDULING == Scheduling::Streaming {
            self.long_request_slot = None;
        }
        let reply = match caller {
            Ok(caller) => self.rows_read.clone().count(command.run(caller, &mut self)).await,
            Err(refusal) => Err(refusal.into()),
        };
        let reply = reply.map_err(|error| error.into_refusal(C::NAME));
        match &reply {
            Ok(_) => tracing::debug!(command = C::NAME, "done"),
            Err(refusal) => {
                tracing::debug!(command = C::NAME, code = refusal.code().as_str(), "refused");
            }
        }
        let frame = frame::encode_frame(&reply);
        drop(reply);
        self.long_request_slot = None;
        // Charge for the answer before releasing the command's slot, so that answers in memory are paid for.
        slot = self.charge_for_answer(frame.len(), slot).await;
        // A long answer keeps the slot while it is sent, which bounds the long answers in memory.
        if frame.len() <= SHORT_ANSWER_BYTES || C::SCHEDULING == Scheduling::SessionControl {
            slot = None;
        }
        self.send_reply(frame, slot).await;
    }
}
