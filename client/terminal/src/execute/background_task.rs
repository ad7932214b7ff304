//! Commands that run in a task of their own, while a prompt waits for a line.

use qchat_client::Client;
use qchat_client::proto::ClientId;
use tokio::task::JoinHandle;

use crate::command::Command;
use crate::error::{CommandError, CommandResult};
use crate::execute::dispatch::dispatch;
use crate::execute::options::ExecOptions;
use crate::outcome::{LateResult, Outcome};

/// The result of one attempt.
#[derive(Debug)]
pub(crate) enum TaskEnd {
    /// The command is done, or it is refused for good.
    Done(Box<LateResult>),
    /// The connection was lost, or the server does not take the command now: it runs again later.
    Retry,
    /// The user is no longer signed in: the command waits.
    SignedOut,
}

/// Runs a command under its id.
pub(crate) fn spawn_command(
    client: &Client,
    id: ClientId,
    command: &Command,
    mut options: ExecOptions,
) -> JoinHandle<CommandResult<Outcome>> {
    options.time.restart();
    let (client, command) = (client.with_request_id(id), command.clone());
    tokio::spawn(async move { dispatch(&client, &command, &options).await })
}

/// The end of an attempt after which the same command may succeed; `None` if the error is final.
pub(crate) fn retry_later(failure: &CommandError) -> Option<TaskEnd> {
    match failure.code {
        code if code.is_transient() => Some(TaskEnd::Retry),
        code if code.ends_session() => Some(TaskEnd::SignedOut),
        _ => None,
    }
}
