//! One call: a stream for the request and its answer.

use std::io;
use std::marker::PhantomData;
use std::time::Duration;

use qchat_proto::command::{Follow, Transfer};
use qchat_proto::limits::ANSWER_BYTES_MAX;
use qchat_proto::{Command, Refusal, Request, frame, quic_codes};
use qchat_transfer::ConnectionWindows;
use quinn::{ConnectionError, ReadError, RecvStream, SendStream, VarInt, WriteError};
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::connection::drain::Drain;
use crate::connection::handle::Connection;
use crate::error::{CallError, DamagedError, NoAnswer, in_one_line};

/// How long the server may take to answer.
pub(crate) const ANSWER_MAX: Duration = Duration::from_secs(30);

/// A command that was sent, and whose answer is to be read.
pub(crate) struct Call<C> {
    answer: RecvStream,
    drain: Drain,
    command: PhantomData<fn() -> C>,
}

impl Connection {
    /// Sends a command, and waits for the answer.
    pub(crate) async fn ask<C: Command>(&self, command: C) -> Result<C::Reply, CallError> {
        let answer = async { Call::ask(self, command).await?.reply().await }.await;
        self.note_sign_out(&answer);
        answer
    }

    /// Opens a stream for a file or for texts.
    pub(crate) async fn open_uni(&self) -> Result<SendStream, CallError> {
        let opened = match timeout(ANSWER_MAX, self.quic.open_uni()).await {
            Ok(opened) => opened.map_err(NoAnswer::from),
            Err(_) => Err(NoAnswer::TimedOut(ANSWER_MAX)),
        };
        opened.map_err(CallError::NotSent)
    }

    /// Notes that nobody is signed in any more, if an answer says so: the session may have been ended on
    /// another device.
    pub(crate) fn note_sign_out<T>(&self, answer: &Result<T, CallError>) {
        if let Err(CallError::Refused(Refusal::NotLoggedIn)) = answer {
            self.set_user(None);
        }
    }
}

impl<C: Command> Call<C> {
    /// Sends the command. If that fails, the server has not done it: it never got the whole frame.
    pub(crate) async fn ask(connection: &Connection, command: C) -> Result<Self, CallError> {
        if connection.is_closed_here() {
            return Err(CallError::NotSent(NoAnswer::Closed));
        }
        let Connection { quic, windows, drain, .. } = connection;
        Self::ask_over(quic, windows, drain, command).await
    }

    /// Sends the command for a task that must not keep the connection open.
    pub(crate) async fn ask_over(
        quic: &quinn::Connection,
        windows: &ConnectionWindows,
        drain: &Drain,
        command: C,
    ) -> Result<Self, CallError> {
        let answer = send(quic, windows, &command.into()).await.map_err(CallError::NotSent)?;
        Ok(Self { answer, drain: drain.clone(), command: PhantomData })
    }

    /// The first part of the answer, before the file moves.
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

    /// The error of a call that was sent and will not be answered.
    pub(crate) fn unanswered(reason: NoAnswer) -> CallError {
        match C::IDEMPOTENCE.may_change_data() {
            true => CallError::OutcomeUnknown(reason),
            false => CallError::NotSent(reason),
        }
    }

    async fn within<T>(
        &mut self,
        limit: Duration,
        read: impl AsyncFnOnce(&mut Self) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        let late = || Self::unanswered(NoAnswer::TimedOut(limit));
        let drain = self.drain.clone();
        tokio::select! {
            answer = timeout(limit, read(self)) => answer.unwrap_or_else(|_| Err(late())),
            () = drain.answers_are_over() => Err(Self::unanswered(NoAnswer::ShuttingDown)),
        }
    }

    /// The next frame, for which the caller sets the deadline.
    pub(crate) async fn frame<T: DeserializeOwned>(&mut self) -> Result<T, CallError> {
        let answer = frame::read::<Result<T, Refusal>>(&mut self.answer, ANSWER_BYTES_MAX).await;
        match answer {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(Refusal::OutcomeUnknown(incident))) => {
                Err(Self::unanswered(NoAnswer::ServerFailed(incident)))
            }
            Ok(Err(refusal)) => {
                if refusal == Refusal::ShuttingDown {
                    self.drain.begin();
                }
                Err(CallError::Refused(refusal))
            }
            Err(frame::ReadError::Stream(error)) => Err(Self::broken(&error)),
            Err(nonsense) => Err(DamagedError::Answer(nonsense.to_string()).into()),
        }
    }

    /// The reason why the answer's stream ended early.
    fn broken(error: &io::Error) -> CallError {
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<ReadError>());
        let reason = match cause {
            Some(ReadError::Reset(code)) if *code == VarInt::from_u32(quic_codes::BAD_REQUEST) => {
                return DamagedError::Request.into();
            }
            Some(ReadError::Reset(code)) => NoAnswer::broken_off(*code),
            Some(ReadError::ConnectionLost(lost)) => lost.into(),
            _ if error.kind() == io::ErrorKind::UnexpectedEof => NoAnswer::AnswerCut,
            _ => NoAnswer::Lost(error.to_string()),
        };
        Self::unanswered(reason)
    }
}

/// Sends the request on a stream of its own, and returns the receiving half for the answer.
async fn send(
    quic: &quinn::Connection,
    windows: &ConnectionWindows,
    request: &Request,
) -> Result<RecvStream, NoAnswer> {
    // It may hold a password.
    let frame = Zeroizing::new(frame::encode_frame(request));
    let opened = timeout(ANSWER_MAX, quic.open_bi()).await;
    let (mut question, answer) = opened.map_err(|_| NoAnswer::TimedOut(ANSWER_MAX))??;
    match timeout(ANSWER_MAX, windows.write_before_files(question.write_all(&frame))).await {
        Ok(Ok(())) => {
            // Fails only if the server has stopped the stream; then its answer says why.
            let _ = question.finish();
            Ok(answer)
        }
        Ok(Err(WriteError::Stopped(_))) => Ok(answer),
        Ok(Err(WriteError::ConnectionLost(lost))) => Err((&lost).into()),
        Ok(Err(other)) => Err(NoAnswer::Lost(other.to_string())),
        Err(_) => {
            // Dropping the stream would finish it, and half a request would look complete.
            let _ = question.reset(VarInt::from_u32(quic_codes::TOO_SLOW));
            Err(NoAnswer::TimedOut(ANSWER_MAX))
        }
    }
}

impl NoAnswer {
    pub(crate) fn broken_off(code: VarInt) -> Self {
        match code == VarInt::from_u32(quic_codes::SHUTTING_DOWN) {
            true => Self::ShuttingDown,
            false => Self::BrokenOff(code.into_inner()),
        }
    }
}

impl From<ConnectionError> for NoAnswer {
    fn from(error: ConnectionError) -> Self {
        Self::from(&error)
    }
}

impl From<&ConnectionError> for NoAnswer {
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
            // This side closes a connection if it is silent, or on purpose; in the second case nobody asks.
            ConnectionError::TimedOut | ConnectionError::LocallyClosed => Self::Silent,
            other => Self::Lost(in_one_line(other)),
        }
    }
}
