//! `listen`: prints the messages of others as they come, for bots.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::pin::pin;
use std::time::Duration;

use qchat_client::{Beginning, Body, Follower, Message, MessageId, ServerAddresses};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::command::bounded;
use crate::command::listen::{HELP, USAGE};
use crate::error::{CommandError, CommandResult};
use crate::execute::key_change;
use crate::exit::Exit;
use crate::output::{
    Output, OutputFormat, Palette, columns, describe, fold, json, print, sanitize,
};
use crate::script::listen_error::local;
use crate::script::listen_start::Listener;
use crate::script::stdin_lines::{RawLine, read_standard_input};

/// Shows the help. An error of writing could not be reported anywhere.
pub(crate) fn help() -> Exit {
    let _ = print(HELP);
    Exit::Done
}

/// The options of listening.
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

/// The event after which a message is not printed again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    /// The message was written.
    Written,
    /// The id of the message was read.
    Acknowledged,
}

/// The state of printing, for an orderly stop.
#[derive(Debug, Default)]
struct PrintState {
    /// A message is being written.
    writing: Cell<bool>,
    /// No further message is to be written.
    stopping: Cell<bool>,
}

/// How long the writing of a message may take after a signal to stop.
const WRITE_MAX: Duration = Duration::from_secs(1);

impl ListenOptions {
    /// Parses the words after the command's name. `--json` may also have stood before it.
    ///
    /// # Errors
    /// The error, with the usage.
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

/// Listens until it is stopped or fails, and returns the exit status.
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
) -> CommandResult<()> {
    let stopped = stopped().map_err(|error| local(format!("no signal can be heard: {error}")))?;
    let mut stopped = pin!(stopped);
    let server = listener.executor.server().clone();
    let follower = tokio::select! {
        follower = listener.follow(options.beginning) => follower?,
        () = &mut stopped => return Ok(()),
    };
    let ended = tokio::select! {
        ended = serve(&follower, options, stopped, notes) => ended,
        never = tell_key_changes(&follower, &server) => match never {},
    };
    let closed = follower.close().await;
    ended.and(closed.map_err(CommandError::from))
}

/// Reports when the server shows an announced key. The key of the first connection was reported before.
async fn tell_key_changes(follower: &Follower, server: &ServerAddresses) -> Infallible {
    let mut known = follower.client().await.and_then(|client| client.changed_key());
    while let Some(key) = follower.changed_key(known).await {
        Output::standard(OutputFormat::Text(Palette::default())).notice(&key_change(server, key));
        known = Some(key);
    }
    pending().await
}

/// Prints messages until it is stopped, or nobody reads them any more.
async fn serve(
    follower: &Follower,
    options: ListenOptions,
    stopped: impl Future<Output = ()>,
    notes: &mut Output,
) -> CommandResult<()> {
    let state = PrintState::default();
    let mut printing = pin!(print_messages(follower, options, &state));
    tokio::select! {
        ended = &mut printing => ended,
        ended = acknowledge(follower, notes), if options.done == Done::Acknowledged => ended,
        () = stopped => {
            state.stopping.set(true);
            // The message that is being written may have been read already, and then counts as written.
            match state.writing.get() {
                true => timeout(WRITE_MAX, printing).await.unwrap_or(Ok(())),
                false => Ok(()),
            }
        }
    }
}

/// Waits for Ctrl-C or SIGTERM. Signals count from the call on, not only from the first wait.
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

/// Writes each message, one at a time, until it is stopped.
async fn print_messages(
    follower: &Follower,
    options: ListenOptions,
    state: &PrintState,
) -> CommandResult<()> {
    while !state.stopping.get() {
        let message = follower.next().await?;
        state.writing.set(true);
        let line = match options.form {
            MessageForm::Text => fold(&text(&message), columns(io::stdout())),
            MessageForm::Json => json::event(&message),
        };
        // In a thread of its own: a slow reader must not block the signals to stop.
        let written = spawn_blocking(move || print(&line)).await;
        match written.unwrap_or_else(|panic| Err(io::Error::other(panic).into())) {
            Ok(()) => {}
            // The reader of the messages has ended on purpose.
            Err(error) if error.is_reader_gone() => return Ok(()),
            Err(error) => {
                return Err(local(format!("messages cannot be written: {}", error.reason())));
            }
        }
        if options.done == Done::Written {
            follower.acknowledge(&message.id);
        }
        state.writing.set(false);
    }
    Ok(())
}

/// The message as one line: `@bot:17 alice │ hi`.
fn text(message: &Message) -> String {
    let Message { id, from, body, .. } = message;
    match body {
        Body::Text(text) => format!("{id} {from} │ {}", sanitize::line(text.as_str())),
        // A file may have expired since the message was sent.
        Body::File(file) | Body::ExpiredFile(file) => {
            format!("{id} {from} + {}", describe(file))
        }
    }
}

/// Reads ids from standard input, to its end.
async fn acknowledge(follower: &Follower, notes: &mut Output) -> CommandResult<()> {
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

#[cfg(test)]
mod tests;
