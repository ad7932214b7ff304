//! The context of a command: everything that its handler may use, and the stream of its reply.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use qchat_proto::{Refusal, frame, quic_codes};
use qchat_transfer::{ConnectionWindows, StreamPairing};
use quinn::{Connection, RecvStream, SendStream, VarInt};
use serde::Serialize;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::auth::Session;
use crate::connection::violations::Violations;
use crate::error::CommandResult;
use crate::limits::{AccountLimits, CommandSlot, TokenBucket, cost};
use crate::live::event_frame;
use crate::state::ServerState;
use crate::store::RowsRead;

/// How long a peer may take to accept an answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);

/// The transfers of a connection that wait for their stream, and the streams that wait for their transfer.
pub(crate) type PendingStreams = StreamPairing<RecvStream>;

/// A command under way: everything that its handler may use.
pub(crate) struct CommandContext {
    pub(crate) state: Arc<ServerState>,
    pub(crate) connection: Connection,
    /// The network of the address at which the connection was made, which is validated. The present address may
    /// not be: quinn follows any packet, and its sender's address can be forged.
    pub(crate) network: IpAddr,
    pub(crate) session: Arc<Session>,
    pub(crate) pending_streams: Arc<PendingStreams>,
    pub(crate) windows: Arc<ConnectionWindows>,
    pub(crate) violations: Arc<Violations>,
    pub(crate) bucket: Arc<TokenBucket>,
    pub(crate) reply_stream: SendStream,
    /// The slot of a long request, for as long as the request is in memory.
    pub(crate) long_request_slot: Option<CommandSlot>,
    /// The account that pays for the answer and for the rows that were read. The connection pays if nobody is
    /// signed in, and for session control, which waits for no other command of the account.
    pub(crate) account: Option<Arc<AccountLimits>>,
    /// Rows of the store that were read and not charged for yet.
    pub(crate) rows_read: RowsRead,
}

impl CommandContext {
    /// Charges for the rows that were read so far. A streaming command does so before it reads more, so it
    /// reads no faster than its account can pay.
    pub(crate) async fn charge_for_rows(&self) {
        let rows = self.rows_read.take();
        self.rows_read.add(cost::uncharged_rows(rows));
        self.charge(cost::of_rows(rows), ()).await;
    }

    /// Charges for the answer and for the rows that were read for it, while the command keeps its slot.
    pub(super) async fn charge_for_answer(
        &self,
        bytes: usize,
        slot: Option<CommandSlot>,
    ) -> Option<CommandSlot> {
        // Signed out, a command has a higher price from the beginning. Answers of session control are short.
        let answer = self.account.as_ref().map_or(0, |_| cost::of_answer(bytes));
        let rows = cost::of_rows(self.rows_read.take());
        self.charge(answer.saturating_add(rows), slot).await?
    }

    /// Waits for tokens while `held` is kept, and returns it. An account pays even if the connection ends
    /// first: closing a connection early makes a command no cheaper.
    async fn charge<T: Send + 'static>(&self, tokens: u32, held: T) -> Option<T> {
        if tokens == 0 {
            return Some(held);
        }
        let Some(account) = self.account.clone() else {
            return self.unless_closed(self.bucket.acquire_all(tokens)).await.ok().map(|()| held);
        };
        let mut paying = tokio::spawn(async move {
            account.bucket.acquire_all(tokens).await;
            held
        });
        // If the connection ends or the server stops, the answer goes at once, and the task pays on.
        self.unless_closed(&mut paying).await.ok()?.ok()
    }

    /// Waits for `work`, unless the connection is closed or the server stops before.
    ///
    /// # Errors
    /// [`Refusal::ShuttingDown`].
    pub(crate) async fn unless_closed<T>(
        &self,
        work: impl Future<Output = T>,
    ) -> Result<T, Refusal> {
        tokio::select! {
            biased;
            done = work => Ok(done),
            _ = self.connection.closed() => Err(Refusal::ShuttingDown),
            () = self.state.stopping.cancelled() => Err(Refusal::ShuttingDown),
        }
    }

    /// Sends a frame that precedes the reply.
    pub(crate) async fn send_opening<T: Serialize + Sync>(
        &mut self,
        opening: &T,
    ) -> CommandResult<()> {
        self.send_frames(&frame::encode_frame(&Ok::<_, Refusal>(opening))).await
    }

    /// Sends encoded frames that precede the reply.
    pub(crate) async fn send_frames(&mut self, frames: &[u8]) -> CommandResult<()> {
        let sending = self.windows.write_before_files(self.reply_stream.write_all(frames));
        match timeout(ANSWER_TIME_MAX, sending).await {
            Ok(Ok(())) => Ok(()),
            // The peer reads no refusal any more.
            _ => Err(Refusal::TransferFailed.into()),
        }
    }

    /// Sends an event. Waits for as long as the peer does not read and its session lasts: a peer that stops
    /// reading holds up only this stream.
    pub(crate) async fn send_event<T: Serialize + Sync>(
        &mut self,
        event: &T,
        session_ended: &CancellationToken,
    ) -> CommandResult<()> {
        self.send_event_frame(event_frame(event), session_ended).await
    }

    /// Sends an encoded event. Connections share its bytes.
    pub(crate) async fn send_event_frame(
        &mut self,
        event: Bytes,
        session_ended: &CancellationToken,
    ) -> CommandResult<()> {
        let sending = self.windows.write_before_files(self.reply_stream.write_chunk(event));
        match session_ended.run_until_cancelled(sending).await {
            Some(Ok(())) => Ok(()),
            // The peer is gone, or the frame is incomplete and nothing can follow it.
            _ => {
                let _ = self.reply_stream.reset(VarInt::from_u32(quic_codes::SHUTTING_DOWN));
                Err(Refusal::TransferFailed.into())
            }
        }
    }

    /// The refusal for a command whose session has ended.
    pub(crate) fn session_end_reason(&self) -> Refusal {
        match self.state.stopping.is_cancelled() {
            true => Refusal::ShuttingDown,
            false => Refusal::NotLoggedIn,
        }
    }

    /// Sends the reply and waits until the peer has it: closing the connection earlier would lose it. The slot
    /// is freed as soon as the transport has the reply's bytes.
    pub(super) async fn send_reply(&mut self, reply: Vec<u8>, slot: Option<CommandSlot>) {
        let sent = timeout(ANSWER_TIME_MAX, async {
            self.windows.write_before_files(self.reply_stream.write_all(&reply)).await.ok()?;
            drop((reply, slot));
            self.reply_stream.finish().ok()?;
            self.reply_stream.stopped().await.ok()
        });
        if sent.await.is_err() {
            let _ = self.reply_stream.reset(VarInt::from_u32(quic_codes::TOO_SLOW));
        }
    }
}
