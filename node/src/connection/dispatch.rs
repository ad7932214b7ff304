//! One stream: a request, its handler, its answer.

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use qchat_proto::file_stream::FileHeader;
use qchat_proto::limits::FILE_HEADER_BYTES_MAX;
use qchat_proto::{Command, Handle, Refusal, frame, quic_codes};
use qchat_transfer::{ConnectionWindows, StreamPairing};
use quinn::{Connection, RecvStream, SendStream, VarInt};
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::auth::{Caller, Session};
use crate::connection::read_request;
use crate::connection::read_request::RequestError;
use crate::connection::violations::{Violation, Violations};
use crate::error::CommandError;
use crate::error_chain::chain;
use crate::limits::{AccountLimits, TokenBucket, rate_limit};
use crate::live::event_frame;
use crate::state::ServerState;
use crate::store::RowsRead;

/// How long the header of a file's stream may take.
const HEADER_TIME_MAX: Duration = Duration::from_secs(8);

/// How long a stream waits for the command that it belongs to.
const COMMAND_TIME_MAX: Duration = Duration::from_secs(5);

/// How long a peer may take to accept an answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);

/// An answer that is no longer is kept for as long as it takes to send it, and counts for nothing.
const SHORT_ANSWER_BYTES: usize = 4 * 1024;

/// The files of a connection that wait for their stream.
pub(crate) type Arrivals = StreamPairing<RecvStream>;

/// A command under way: everything that its handler may use.
pub(crate) struct CommandContext {
    pub(crate) state: Arc<ServerState>,
    pub(crate) connection: Connection,
    /// Where the connection was made, which is proven. Where it is now may not be: a packet in somebody else's name
    /// is enough for quinn to look there.
    pub(crate) network: IpAddr,
    pub(crate) session: Arc<Session>,
    pub(crate) arrivals: Arc<Arrivals>,
    pub(crate) windows: Arc<ConnectionWindows>,
    pub(crate) violations: Arc<Violations>,
    pub(crate) bucket: Arc<TokenBucket>,
    pub(crate) answer: SendStream,
    /// That of a long request, for as long as it is kept.
    pub(crate) room: Option<OwnedSemaphorePermit>,
    /// The account that pays for what the work turns out to cost. The connection does where nobody is signed in, and
    /// for commands that wait for none of their account's.
    pub(crate) account: Option<Arc<AccountLimits>>,
    /// Rows of the store that are not paid for yet.
    pub(crate) rows_read: RowsRead,
}

/// How a command is answered.
pub(crate) trait Handler: Command {
    /// Who may ask.
    type Caller: Caller;

    /// How long it is at work.
    const SCHEDULING: Scheduling = Scheduling::Queued;

    /// What it costs its account, in tokens; one at the least.
    fn tokens(&self, _: &ServerState) -> u32 {
        1
    }

    /// Does what was asked. The reply tells only what is durable.
    fn run(
        self,
        caller: Self::Caller,
        context: &mut CommandContext,
    ) -> impl Future<Output = Result<Self::Reply, CommandError>> + Send;
}

/// How long a command is at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheduling {
    /// It is answered as soon as the server can. Few of an account are at work at a time.
    Queued,
    /// It is about the account's sessions. It waits for none of the account's other commands, which may be those
    /// of somebody whose session is to be ended.
    SessionControl,
    /// It takes as long as its peer does. How many an account may have is its handler's to say.
    Streaming,
}

impl CommandContext {
    /// Reads the request, answers it, and waits until the peer has the answer. It has to have come before
    /// it is `too_late`.
    pub(crate) async fn serve(mut self, mut request: RecvStream, too_late: CancellationToken) {
        let reading = async {
            // Before anything is read: whoever resets what they have opened pays as well.
            self.bucket.acquire(1).await;
            read_request::read(&mut request, self.session.stands(), self.room_for_long()).await
        };
        let read = too_late.run_until_cancelled(reading).await;
        let error = match read {
            Some(Ok((request, room))) => {
                self.room = room.flatten();
                return request.dispatch(self).await;
            }
            Some(Err(error)) => error,
            None => RequestError::TooSlow,
        };
        match &error {
            RequestError::Gone => return,
            RequestError::TooSlow => self.give_up(&mut request, quic_codes::TOO_SLOW),
            RequestError::TooLongSignedOut => {
                let _ = request.stop(VarInt::from_u32(quic_codes::BAD_REQUEST));
                self.finish(frame::encode_frame(&Err::<(), _>(Refusal::NotLoggedIn)), ()).await;
            }
            RequestError::Garbage(_) | RequestError::TooLong | RequestError::Scattered => {
                self.give_up(&mut request, quic_codes::BAD_REQUEST);
            }
        }
        if self.violations.note() == Violation::First {
            let peer = self.connection.remote_address();
            tracing::warn!(%peer, error = chain(&error), "bad request");
        }
    }

    /// The account's room for one more long request, once there is some.
    async fn room_for_long(&self) -> Result<Option<OwnedSemaphorePermit>, RequestError> {
        let Some(user) = self.session.user() else { return Ok(None) };
        let account = self.state.rate_limits.account(&user);
        self.unless_over(account.room()).await.map_err(|_| RequestError::Gone)
    }

    /// Pays for a command, waiting for the tokens, and returns the account's place for its work.
    async fn enter(
        &self,
        tokens: u32,
        work: Scheduling,
    ) -> Result<Option<OwnedSemaphorePermit>, Refusal> {
        let Some(user) = self.session.user() else {
            self.unless_over(self.bucket.acquire(rate_limit::SIGNED_OUT_COST)).await?;
            return Ok(None);
        };
        let account = self.state.rate_limits.account(&user);
        let paid_and_placed = async {
            // The connection has paid one already.
            self.bucket.acquire(tokens.saturating_sub(1)).await;
            if work == Scheduling::SessionControl {
                return account.place_to_end().await;
            }
            account.acquire(tokens).await;
            match work {
                Scheduling::Queued => account.place().await,
                Scheduling::SessionControl | Scheduling::Streaming => None,
            }
        };
        self.unless_over(paid_and_placed).await
    }

    /// Pays for the answer and for the rows that the store looked at for it, and gives the place back.
    async fn leave(
        &self,
        place: Option<OwnedSemaphorePermit>,
        answer: usize,
    ) -> Option<OwnedSemaphorePermit> {
        // Signed out, commands cost more from the beginning; and lists of sessions are short.
        let answer = self.account.as_ref().map_or(0, |_| rate_limit::of_answer(answer));
        let rows = rate_limit::of_rows(self.rows_read.take());
        self.acquire_all(answer.saturating_add(rows), place).await?
    }

    /// Pays for the rows that the store has looked at so far. A command that lasts does so before it looks
    /// again, and reads no faster than its account can pay.
    pub(crate) async fn acquire_for_rows(&self) {
        let rows = self.rows_read.take();
        self.rows_read.add(rate_limit::change_of_rows(rows));
        self.acquire_all(rate_limit::of_rows(rows), ()).await;
    }

    /// Pays while something is held, and gives it back. An account pays also if nobody waits for it any more: to
    /// leave early makes nothing cheaper.
    async fn acquire_all<T: Send + 'static>(&self, tokens: u32, held: T) -> Option<T> {
        if tokens == 0 {
            return Some(held);
        }
        let Some(account) = self.account.clone() else {
            return self.unless_over(self.bucket.acquire_all(tokens)).await.ok().map(|()| held);
        };
        let mut paying = tokio::spawn(async move {
            account.acquire_all(tokens).await;
            held
        });
        // If that is over, the answer goes at once, and the account pays on by itself.
        self.unless_over(&mut paying).await.ok()?.ok()
    }

    /// Waits, but not when the connection is closed or the server stops.
    pub(crate) async fn unless_over<T>(
        &self,
        waiting: impl Future<Output = T>,
    ) -> Result<T, Refusal> {
        tokio::select! {
            biased;
            done = waiting => Ok(done),
            _ = self.connection.closed() => Err(Refusal::ShuttingDown),
            () = self.state.stopping.cancelled() => Err(Refusal::ShuttingDown),
        }
    }

    /// Ends this stream alone; the others of the connection go on.
    fn give_up(&mut self, request: &mut RecvStream, code: u32) {
        // Both fail only where the peer ended its side before.
        let _ = request.stop(VarInt::from_u32(code));
        let _ = self.answer.reset(VarInt::from_u32(code));
    }

    /// Says something before the reply.
    pub(crate) async fn say<T: Serialize + Sync>(
        &mut self,
        opening: &T,
    ) -> Result<(), CommandError> {
        self.say_frames(&frame::encode_frame(&Ok::<_, Refusal>(opening))).await
    }

    /// The same with whole frames.
    pub(crate) async fn say_frames(&mut self, frames: &[u8]) -> Result<(), CommandError> {
        match timeout(
            ANSWER_TIME_MAX,
            self.windows.write_before_files(self.answer.write_all(frames)),
        )
        .await
        {
            Ok(Ok(())) => Ok(()),
            // Nobody is there to be told.
            _ => Err(Refusal::TransferFailed.into()),
        }
    }

    /// Tells an event, and waits for as long as the peer does not read and its session lasts: a reader
    /// that has stopped holds up nobody but itself.
    pub(crate) async fn tell<T: Serialize + Sync>(
        &mut self,
        event: &T,
        ended: &CancellationToken,
    ) -> Result<(), CommandError> {
        self.tell_frame(event_frame(event), ended).await
    }

    /// The same with an event that is encoded already. Connections share its bytes.
    pub(crate) async fn tell_frame(
        &mut self,
        event: Bytes,
        ended: &CancellationToken,
    ) -> Result<(), CommandError> {
        let telling = self.windows.write_before_files(self.answer.write_chunk(event));
        match ended.run_until_cancelled(telling).await {
            Some(Ok(())) => Ok(()),
            // Nobody is there to be told, or the frame was broken off and nothing can follow it.
            _ => {
                let _ = self.answer.reset(VarInt::from_u32(quic_codes::SHUTTING_DOWN));
                Err(Refusal::TransferFailed.into())
            }
        }
    }

    /// Why the session of this call has ended.
    pub(crate) fn why_ended(&self) -> Refusal {
        match self.state.stopping.is_cancelled() {
            true => Refusal::ShuttingDown,
            false => Refusal::NotLoggedIn,
        }
    }

    /// Says the last word and waits until it has arrived: closing the connection earlier would lose it.
    /// What made room for it is given back when it is the transport's.
    async fn finish(&mut self, reply: Vec<u8>, room: impl Send) {
        let sent = timeout(ANSWER_TIME_MAX, async {
            self.windows.write_before_files(self.answer.write_all(&reply)).await.ok()?;
            drop((reply, room));
            self.answer.finish().ok()?;
            self.answer.stopped().await.ok()
        });
        if sent.await.is_err() {
            let _ = self.answer.reset(VarInt::from_u32(quic_codes::TOO_SLOW));
        }
    }
}

/// Hands a file's stream to the command that waits for it.
pub(crate) async fn deliver(
    mut stream: RecvStream,
    arrivals: Arc<Arrivals>,
    violations: Arc<Violations>,
    bucket: Arc<TokenBucket>,
) {
    bucket.acquire(1).await;
    let header = frame::read::<FileHeader>(&mut stream, FILE_HEADER_BYTES_MAX);
    let (mut stream, code) = match timeout(HEADER_TIME_MAX, header).await {
        // Not to be held against the peer: the command may have ended meanwhile.
        Ok(Ok(header)) => {
            match arrivals.deliver_within(COMMAND_TIME_MAX, header.transfer, stream).await {
                Ok(()) => return,
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
    // Fails only where the peer ended the stream before.
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
        let (mut place, entered) = match self.enter(tokens, C::SCHEDULING).await {
            Ok(place) => (place, C::Caller::admit(&self.session)),
            Err(refusal) => (None, Err(refusal)),
        };
        if C::SCHEDULING == Scheduling::Streaming {
            self.room = None;
        }
        let reply = match entered {
            Ok(caller) => self.rows_read.clone().count(command.run(caller, &mut self)).await,
            Err(refusal) => Err(refusal.into()),
        };
        let reply = reply.map_err(|failure| failure.into_refusal(C::NAME));
        match &reply {
            Ok(_) => tracing::debug!(command = C::NAME, "done"),
            Err(refusal) => {
                tracing::debug!(command = C::NAME, code = refusal.code().as_str(), "refused");
            }
        }
        let frame = frame::encode_frame(&reply);
        drop(reply);
        self.room = None;
        // In its place: nobody may ask for more than they pay for.
        place = self.leave(place, frame.len()).await;
        // A long one keeps it: nobody may ask for more of them than they take.
        if frame.len() <= SHORT_ANSWER_BYTES || C::SCHEDULING == Scheduling::SessionControl {
            place = None;
        }
        self.finish(frame, place).await;
    }
}
