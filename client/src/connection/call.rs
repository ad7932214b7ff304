//! One stream, one question, one answer.

use std::io;
use std::marker::PhantomData;
use std::time::Duration;

use qchat_proto::command::{Follow, Transfer};
use qchat_proto::limits::ANSWER_BYTES_MAX;
use qchat_proto::{Command, Refusal, Request, frame, quic_codes};
use qchat_transfer::ConnectionWindows;
use quinn::{Connection, ConnectionError, ReadError, RecvStream, VarInt, WriteError};
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::connection::idempotence::Effect;
use crate::connection::link::Link;
use crate::error::{CallError, DamagedError, LinkError, in_one_line};

/// How long the server may take to answer.
pub(crate) const ANSWER_MAX: Duration = Duration::from_secs(30);

/// A command that was handed over, and whose answer is to be read.
pub(crate) struct Call<C> {
    answer: RecvStream,
    effect: Effect,
    command: PhantomData<fn() -> C>,
}

impl<C: Command> Call<C> {
    /// Hands the command over. Where that fails, the server has not done it: it never got the whole
    /// frame.
    pub(crate) async fn ask(link: &Link, command: C) -> Result<Self, CallError> {
        if link.is_done() {
            return Err(CallError::NotSent(LinkError::Closed));
        }
        Self::ask_over(&link.connection, &link.windows, command).await
    }

    /// The same for who is not to keep the link.
    pub(crate) async fn ask_over(
        connection: &Connection,
        windows: &ConnectionWindows,
        command: C,
    ) -> Result<Self, CallError> {
        let request = command.into();
        let effect = Effect::of(&request);
        let answer = hand_over(connection, windows, &request).await.map_err(CallError::NotSent)?;
        Ok(Self { answer, effect, command: PhantomData })
    }

    /// What the server says before the file moves.
    pub(crate) async fn opening(&mut self) -> Result<C::Opening, CallError>
    where
        C: Transfer,
    {
        self.within(ANSWER_MAX, Self::frame).await
    }

    /// The next event, however long that takes.
    pub(crate) async fn event(&mut self) -> Result<C::Item, CallError>
    where
        C: Follow,
    {
        self.frame().await
    }

    /// The next event, which must come within the usual time.
    pub(crate) async fn event_in_time(&mut self) -> Result<C::Item, CallError>
    where
        C: Follow,
    {
        self.within(ANSWER_MAX, Self::frame).await
    }

    /// The answer, which must come within the usual time.
    pub(crate) async fn reply(&mut self) -> Result<C::Reply, CallError> {
        self.within(ANSWER_MAX, Self::frame).await
    }

    /// The answer, for which the caller sets the deadline.
    pub(crate) async fn reply_at_leisure(&mut self) -> Result<C::Reply, CallError> {
        self.frame().await
    }

    /// What it means where the answer does not come.
    pub(crate) fn effect(&self) -> Effect {
        self.effect
    }

    async fn within<T>(
        &mut self,
        limit: Duration,
        read: impl AsyncFnOnce(&mut Self) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        let effect = self.effect;
        let late = || effect.unanswered(LinkError::NoAnswer(limit));
        timeout(limit, read(self)).await.unwrap_or_else(|_| Err(late()))
    }

    /// The next frame, for which the caller sets the deadline.
    pub(crate) async fn frame<T: DeserializeOwned>(&mut self) -> Result<T, CallError> {
        let answer = frame::read::<Result<T, Refusal>>(&mut self.answer, ANSWER_BYTES_MAX).await;
        match answer {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(Refusal::OutcomeUnknown(incident))) => {
                Err(self.effect.unanswered(LinkError::ServerFailed(incident)))
            }
            Ok(Err(refusal)) => Err(CallError::Refused(refusal)),
            Err(frame::ReadError::Stream(error)) => Err(self.broken(&error)),
            Err(nonsense) => Err(DamagedError::Answer(nonsense.to_string()).into()),
        }
    }

    /// Why the answer's stream ended early.
    fn broken(&self, error: &io::Error) -> CallError {
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<ReadError>());
        let link = match cause {
            Some(ReadError::Reset(code)) if *code == VarInt::from_u32(quic_codes::BAD_REQUEST) => {
                return DamagedError::Request.into();
            }
            Some(ReadError::Reset(code)) => LinkError::broken_off(*code),
            Some(ReadError::ConnectionLost(lost)) => lost.into(),
            _ if error.kind() == io::ErrorKind::UnexpectedEof => LinkError::AnswerCut,
            _ => LinkError::Lost(error.to_string()),
        };
        self.effect.unanswered(link)
    }
}

/// Sends the request's frame on a stream of its own, whose other half is returned.
async fn hand_over(
    connection: &Connection,
    windows: &ConnectionWindows,
    request: &Request,
) -> Result<RecvStream, LinkError> {
    // It may hold a password.
    let frame = Zeroizing::new(frame::encode_frame(request));
    let opened = timeout(ANSWER_MAX, connection.open_bi()).await;
    let (mut question, answer) = opened.map_err(|_| LinkError::NoAnswer(ANSWER_MAX))??;
    match timeout(ANSWER_MAX, windows.write_before_files(question.write_all(&frame))).await {
        Ok(Ok(())) => {
            // Fails only where the server has stopped the stream; then its answer says why.
            let _ = question.finish();
            Ok(answer)
        }
        Ok(Err(WriteError::Stopped(_))) => Ok(answer),
        Ok(Err(WriteError::ConnectionLost(lost))) => Err((&lost).into()),
        Ok(Err(other)) => Err(LinkError::Lost(other.to_string())),
        Err(_) => {
            // Dropped, it would be finished, and half a request look like the whole of one.
            let _ = question.reset(VarInt::from_u32(quic_codes::TOO_SLOW));
            Err(LinkError::NoAnswer(ANSWER_MAX))
        }
    }
}

impl LinkError {
    pub(crate) fn broken_off(code: VarInt) -> Self {
        match code == VarInt::from_u32(quic_codes::SHUTTING_DOWN) {
            true => Self::ShuttingDown,
            false => Self::BrokenOff(code.into_inner()),
        }
    }
}

impl From<ConnectionError> for LinkError {
    fn from(error: ConnectionError) -> Self {
        Self::from(&error)
    }
}

impl From<&ConnectionError> for LinkError {
    fn from(error: &ConnectionError) -> Self {
        match error {
            ConnectionError::ApplicationClosed(close)
                if close.error_code == VarInt::from_u32(quic_codes::SHUTTING_DOWN) =>
            {
                Self::ShuttingDown
            }
            ConnectionError::ApplicationClosed(close)
                if close.error_code == VarInt::from_u32(quic_codes::NOBODY_SIGNED_IN) =>
            {
                Self::NobodySignedIn
            }
            // On this side a connection is closed because it is silent, or not needed: then nobody asks.
            ConnectionError::TimedOut | ConnectionError::LocallyClosed => Self::Silent,
            other => Self::Lost(in_one_line(other)),
        }
    }
}
