//! `listen`: what others send, as it comes, for bots.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::pin::pin;
use std::time::Duration;

use qchat_client::{
    Beginning, Body, Code, CursorFileError, FollowError, Follower, Message, MessageId,
    ServerAddress,
};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::command::bounded;
use crate::command::listen::{HELP, USAGE};
use crate::error::CommandError;
use crate::execute::key_change;
use crate::exit::Exit;
use crate::output::{
    Output, OutputFormat, Palette, columns, describe, fold, json, print, sanitize,
};
use crate::script::listen_start::Listener;
use crate::script::stdin_lines::{RawLine, read_standard_input};

/// Shows the help. Nobody could be told that it cannot be written.
pub(crate) fn help() -> Exit {
    let _ = print(HELP);
    Exit::Done
}

/// How messages are handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ListenOptions {
    form: MessageForm,
    done: Done,
    pub(crate) beginning: Beginning,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MessageForm {
    Text,
    Json,
}

/// When a message need not be handed over again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    /// When it was written.
    Written,
    /// When its id was read.
    Acknowledged,
}

/// Where handing over stands, for who stops it.
#[derive(Debug, Default)]
struct Pace {
    /// A message is being written.
    writing: Cell<bool>,
    /// No other one is to follow.
    stopping: Cell<bool>,
}

/// How long a message that is being written may take when we are to stop.
const WRITE_MAX: Duration = Duration::from_secs(1);

impl ListenOptions {
    /// Reads what follows the command's name. `--json` may also have stood before it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(words: &[String], json: bool) -> Result<Self, String> {
        let form = if json { MessageForm::Json } else { MessageForm::Text };
        let mut options = Self { form, done: Done::Written, beginning: Beginning::OldestUnread };
        for word in words {
            match word.as_str() {
                "--json" => options.form = MessageForm::Json,
                "--ack" => options.done = Done::Acknowledged,
                "--from-start" => options.beginning = Beginning::FirstMessage,
                other => {
                    return Err(format!("unexpected: {other}; usage: {USAGE}"));
                }
            }
        }
        Ok(options)
    }
}

/// Listens until it is stopped or cannot go on, and says how it ended.
pub(crate) async fn run(listener: Listener, options: ListenOptions) -> Exit {
    let mut notes = Output::standard(OutputFormat::Text(Palette::default()));
    match listen(listener, options, &mut notes).await {
        Ok(()) => Exit::Done,
        Err(failure) => {
            notes.failure(&failure);
            failure.exit
        }
    }
}

async fn listen(
    listener: Listener,
    options: ListenOptions,
    notes: &mut Output,
) -> Result<(), CommandError> {
    let stopped = stopped().map_err(|error| local(format!("no signal can be heard: {error}")))?;
    let mut stopped = pin!(stopped);
    let server = listener.server.clone();
    let follower = tokio::select! {
        follower = listener.follow(options.beginning, notes) => follower?,
        () = &mut stopped => return Ok(()),
    };
    let ended = tokio::select! {
        ended = serve(&follower, options, stopped, notes) => ended,
        never = tell_key_changes(&follower, &server) => match never {},
    };
    let closed = follower.close().await;
    ended.and(closed.map_err(CommandError::from))
}

/// Says so when the server shows the next key that it had announced. The first connection's was told.
async fn tell_key_changes(follower: &Follower, server: &ServerAddress) -> Infallible {
    let mut known = follower.client().await.and_then(|client| client.changed_key());
    while let Some(key) = follower.changed_key(known).await {
        Output::standard(OutputFormat::Text(Palette::default())).notice(&key_change(server, key));
        known = Some(key);
    }
    pending().await
}

/// Hands messages over until it is stopped, or nobody takes them any more.
async fn serve(
    follower: &Follower,
    options: ListenOptions,
    stopped: impl Future<Output = ()>,
    notes: &mut Output,
) -> Result<(), CommandError> {
    let pace = Pace::default();
    let mut handing_over = pin!(hand_over(follower, options, &pace));
    tokio::select! {
        ended = &mut handing_over => ended,
        ended = acknowledge(follower, notes), if options.done == Done::Acknowledged => ended,
        () = stopped => {
            pace.stopping.set(true);
            // What is being written may have been read already, and is then done.
            match pace.writing.get() {
                true => timeout(WRITE_MAX, handing_over).await.unwrap_or(Ok(())),
                false => Ok(()),
            }
        }
    }
}

/// Ctrl-C or SIGTERM. Heard from the call on, not only from the first wait.
#[cfg(unix)]
fn stopped() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn stopped() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}

/// Writes each message, one at a time, until it is to stop.
async fn hand_over(
    follower: &Follower,
    options: ListenOptions,
    pace: &Pace,
) -> Result<(), CommandError> {
    while !pace.stopping.get() {
        let message = follower.next().await?;
        pace.writing.set(true);
        let line = match options.form {
            MessageForm::Text => fold(&text(&message), columns(io::stdout())),
            MessageForm::Json => json::event(&message),
        };
        // In a thread of its own: who does not read must not keep us from hearing that we are to stop.
        let written = spawn_blocking(move || print(&line)).await;
        match written.unwrap_or_else(|panic| Err(io::Error::other(panic).into())) {
            Ok(()) => {}
            // Whoever read the messages has seen enough.
            Err(error) if error.is_reader_gone() => return Ok(()),
            Err(error) => {
                return Err(local(format!("messages cannot be written: {}", error.reason())));
            }
        }
        if options.done == Done::Written {
            follower.acknowledge(&message.id);
        }
        pace.writing.set(false);
    }
    Ok(())
}

/// The message as one line: `@bot:17 alice │ hi`.
fn text(message: &Message) -> String {
    let Message { id, from, body, .. } = message;
    match body {
        Body::Text(text) => format!("{id} {from} │ {}", sanitize::line(text.as_str())),
        // Live, it may have expired on the way.
        Body::File(file) | Body::ExpiredFile(file) => {
            format!("{id} {from} + {}", describe(file))
        }
    }
}

/// Reads ids from standard input, to its end.
async fn acknowledge(follower: &Follower, notes: &mut Output) -> Result<(), CommandError> {
    let mut lines = read_standard_input();
    while let Some(line) = lines.recv().await {
        let line =
            line.map_err(|error| local(format!("standard input cannot be read: {error}")))?;
        let (RawLine::Text(line)
        | RawLine::TooLong { start: line }
        | RawLine::NotUtf8 { start: line }) = line;
        let id = line.trim();
        let known = |id: MessageId| follower.acknowledge(&id);
        if !id.is_empty() && !id.parse().is_ok_and(known) {
            notes.notice(&format!("no message {} waits to be acknowledged", bounded(id)));
        }
    }
    Ok(())
}

pub(crate) fn local(text: String) -> CommandError {
    CommandError::refused(Code::LocalFile, text)
}

impl From<CursorFileError> for CommandError {
    fn from(error: CursorFileError) -> Self {
        local(error.to_string())
    }
}

impl From<FollowError> for CommandError {
    fn from(error: FollowError) -> Self {
        match error {
            FollowError::Connect(error) => error.into(),
            FollowError::Call(error) => error.into(),
            FollowError::Cursors(error) => error.into(),
            FollowError::TooManyLogs => Self::refused(Code::TooManyGroups, error.to_string()),
            FollowError::Ended => Self::refused(Code::Ended, error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(words: &[&str], expected: Result<(MessageForm, Done), &str>) {
        let words: Vec<_> = words.iter().map(ToString::to_string).collect();
        let parsed = ListenOptions::parse(&words, false)
            .map(|ListenOptions { form, done, .. }| (form, done));
        assert_eq!(parsed.map_err(|why| why.contains("usage")), expected.map_err(|_| true));
    }

    #[test]
    fn options_follow_the_name() {
        check(&[], Ok((MessageForm::Text, Done::Written)));
        check(&["--ack", "--json"], Ok((MessageForm::Json, Done::Acknowledged)));
        check(&["--json", "now"], Err("usage"));
    }
}
