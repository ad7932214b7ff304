//! Does what a line asks for, on a connection that stands.

mod download_folder;
mod send_files;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use qchat_client::{CallError, Client, Downloaded, HistoryQuery, Progress, Refusal};
use qchat_proto::command::{Log, Selection};
use qchat_proto::{Address, ClientId, Message, MessageText};
use tokio::time::timeout;

use crate::command::CommandEntry;
use crate::command::HistoryArguments;
use crate::command::{Command, ParseError};
use crate::error::CommandError;
use crate::execute::deadline::Deadline;
use crate::execute::file_selection::SelectedFile;
use crate::execute::upload_ids::{UnfinishedUploads, UploadNote};
use crate::outcome::{Outcome, Page};
use crate::output::ProgressMeter;
use crate::output::{BarMode, TransferBar};

/// How lines are done.
#[derive(Debug, Clone)]
pub(crate) struct ExecOptions {
    /// How long each line has.
    pub(crate) patience: Duration,
    /// Until when the line is to be answered. Files take the time they need, as long as they move.
    pub(crate) deadline: Deadline,
    /// Where file names begin that say no folder; `None` is the working directory.
    pub(crate) folder: Option<PathBuf>,
    /// How transfers are shown.
    pub(crate) bars: BarMode,
    /// Where unfinished uploads are noted, if they are.
    pub(crate) unfinished: Option<UnfinishedUploads>,
    /// Whether bytes of a file have moved since somebody asked.
    pub(crate) has_moved: Arc<AtomicBool>,
    /// What tells how far a transfer is, where somebody may ask.
    pub(crate) meter: Option<Arc<ProgressMeter>>,
}

/// Does what the line asks for, less what changes the session.
///
/// # Errors
/// [`CommandError`]: it was refused, or is not known to be done.
///
/// # Cancel safety
/// Not cancel safe: whether it was done is unknown.
pub(crate) async fn dispatch(
    client: &Client,
    line: &Command,
    options: &ExecOptions,
) -> Result<Outcome, CommandError> {
    match line {
        Command::Send { to, text, .. } => {
            let text = MessageText::try_from(text.clone())?;
            options.change(client.send(to.clone(), text)).await.map(Outcome::Sent)
        }
        Command::SendFile { to, files, .. } => options.send_files(client, to, files).await,
        Command::Download { log, name } => options.download(client, log, name).await,
        Command::History(wanted) => options.history(client, wanted).await,
        Command::Users => options.ask(client.users()).await.map(Outcome::Users),
        Command::Groups => options.ask(client.groups()).await.map(Outcome::Groups),
        Command::Members(group) => {
            options.ask(client.members(group.clone())).await.map(Outcome::Members)
        }
        Command::MakeGroup(group) => {
            options.change(client.make_group(group.clone())).await.map(Outcome::MadeGroup)
        }
        Command::Join(group) => {
            options.change(client.join(group.clone())).await.map(Outcome::Joined)
        }
        Command::Sessions => options.ask(client.sessions()).await.map(Outcome::Sessions),
        Command::RevokeSession(id) => {
            let revoked = options.change(client.revoke_session(*id)).await;
            revoked.map(|()| Outcome::Revoked(*id))
        }
        Command::Leave(group) => {
            options.change(client.leave(group.clone())).await.map(Outcome::Left)
        }
        Command::Help(verb) => Ok(Outcome::Help(*verb)),
        // The shell has done these.
        Command::Register { .. }
        | Command::Login { .. }
        | Command::Logout
        | Command::LogoutEverywhere
        | Command::ChangePassword(_)
        | Command::FromInput(_)
        | Command::Background(_)
        | Command::Transfers
        | Command::StopTransfer(_)
        | Command::Quit => Ok(Outcome::Quit),
    }
}

impl ExecOptions {
    /// That of scripts and bots.
    pub(crate) fn plain(patience: Duration) -> Self {
        Self {
            patience,
            deadline: Deadline::after(patience),
            folder: None,
            bars: BarMode::Off,
            unfinished: None,
            has_moved: Arc::default(),
            meter: None,
        }
    }

    /// Gives what begins now its whole time: a line, or the rest of one after a person has typed a password
    /// or a file has come further.
    pub(crate) fn restart_deadline(&mut self) {
        self.deadline = Deadline::after(self.patience);
    }

    /// Waits for an answer that changes nothing.
    pub(crate) async fn ask<T>(
        &self,
        answer: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CommandError> {
        self.wait(answer).await.unwrap_or_else(|late| Err(CommandError::unreachable(late)))
    }

    /// Waits for an answer that tells of a change.
    pub(crate) async fn change<T>(
        &self,
        answer: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CommandError> {
        self.wait(answer).await.unwrap_or_else(|late| Err(CommandError::outcome_unknown(late)))
    }

    async fn wait<T>(
        &self,
        answer: impl Future<Output = Result<T, CallError>>,
    ) -> Result<Result<T, CommandError>, String> {
        let answer = timeout(self.deadline.left(), answer).await;
        let late = |_| format!("the server did not answer within {}", self.deadline.in_words());
        Ok(answer.map_err(late)?.map_err(CommandError::from))
    }

    fn place(&self, path: &Path) -> PathBuf {
        self.folder.as_ref().map_or_else(|| path.to_owned(), |folder| folder.join(path))
    }

    /// Sends a file, or goes on with what an earlier run of the client has begun.
    async fn send_file(
        &self,
        client: &Client,
        to: &Address,
        file: &SelectedFile,
    ) -> Result<Outcome, CommandError> {
        let id = client.request_id();
        let mut note = self.note(client, (to, file), id).await;
        let (mut sent, is_stored) = self.send_once(client, (to, file), id, note.as_ref()).await;
        let is_older = note.as_ref().is_some_and(|note| note.is_changed && note.id != id);
        let is_stored =
            is_stored || sent.as_ref().is_err_and(|failure| failure.code == "id_reused");
        if is_older && is_stored {
            // What was sent then, and not answered, is another file than the one that is there now.
            if let Some(note) = note {
                note.forget().await;
            }
            note = self.note(client, (to, file), id).await;
            (sent, _) = self.send_once(client, (to, file), id, note.as_ref()).await;
        }
        if let Some(note) = note.filter(|_| is_settled(&sent)) {
            note.end().await;
        }
        sent.map(Outcome::Sent)
    }

    async fn note(
        &self,
        client: &Client,
        (to, file): (&Address, &SelectedFile),
        id: ClientId,
    ) -> Option<UploadNote> {
        self.unfinished
            .as_ref()?
            .take(&client.user()?, (to, &file.path, file.name.folder()), id)
            .await
    }

    /// Says also whether the file was there already, from an earlier try.
    async fn send_once(
        &self,
        client: &Client,
        (to, file): (&Address, &SelectedFile),
        id: ClientId,
        note: Option<&UploadNote>,
    ) -> (Result<Message, CommandError>, bool) {
        let client = client.with_request_id(note.map_or(id, |note| note.id));
        let bar = TransferBar::new(self.bars);
        let sent = send_under_its_name(&client, to, file, bar.progress(self)).await;
        let is_stored = sent.is_ok() && !bar.has_begun();
        (sent.map_err(CommandError::from), is_stored)
    }

    /// Fetches a file, or all below a folder where the name ends as that of one.
    async fn download(
        &self,
        client: &Client,
        log: &Log,
        name: &str,
    ) -> Result<Outcome, CommandError> {
        let folder = name.strip_suffix('/').and_then(|folder| folder.parse().ok());
        if let Some(folder) = folder {
            return self.fetch_folder(client, log, &folder).await.map(Outcome::SavedFiles);
        }
        let top = self.download_folder(client, log)?;
        let bar = TransferBar::new(self.bars);
        let progress = bar.progress(self);
        let downloaded = client.download(log.clone(), name, &top, progress).await?;
        let Downloaded { file, path, was_here } = downloaded;
        Ok(Outcome::Saved { file, path: self.shown(&path), damaged: bar.damaged(), was_here })
    }

    /// Where files of that log land.
    fn download_folder(&self, client: &Client, log: &Log) -> Result<PathBuf, CommandError> {
        let user = client.user().ok_or(Refusal::NotLoggedIn)?;
        let top = match log {
            Log::Inbox => "download",
            Log::Group(_) => "downloadgroup",
        };
        Ok(self.place(&Path::new(top).join(user.as_str())))
    }

    /// The path as its reader would name it.
    fn shown(&self, path: &Path) -> String {
        let shown = self.folder.as_ref().and_then(|folder| path.strip_prefix(folder).ok());
        shown.unwrap_or(path).to_string_lossy().into_owned()
    }

    async fn history(
        &self,
        client: &Client,
        wanted: &HistoryArguments,
    ) -> Result<Outcome, CommandError> {
        let reader = client.user().ok_or(Refusal::NotLoggedIn)?;
        let before = wanted.before(&reader).map_err(|why| another_log(wanted, &why))?;
        let HistoryArguments { log, selection, from, .. } = wanted;
        let query =
            HistoryQuery { log: log.clone(), selection: *selection, from: from.clone(), before };
        let answer = self.ask(client.history(query)).await?;
        let unbroken = match selection {
            Selection::UnreadAndNewest(newest) => usize::try_from(*newest).unwrap_or(usize::MAX),
            _ => usize::MAX,
        };
        Ok(Outcome::History(Page {
            unbroken: unbroken.min(answer.messages.len()),
            log: log.clone(),
            messages: answer.messages,
            more: answer.more,
            again: wanted.to_string(),
        }))
    }
}

async fn send_under_its_name(
    client: &Client,
    to: &Address,
    file: &SelectedFile,
    progress: Progress,
) -> Result<Message, CallError> {
    client.send_file_as(to.clone(), &file.path, file.name.clone(), progress).await
}

/// Whether an upload was answered for good: a new try would be another upload.
fn is_settled(sent: &Result<Message, CommandError>) -> bool {
    sent.as_ref().err().is_none_or(is_final)
}

fn is_final(failure: &CommandError) -> bool {
    !matches!(
        failure.code,
        "unreachable"
            | "outcome_unknown"
            | "busy"
            | "server_full"
            | "shutting_down"
            | "transfer_failed"
            | "internal"
            | "not_logged_in"
            | "local_file"
            | "file_changed"
            | "damaged"
    )
}

fn another_log(wanted: &HistoryArguments, why: &str) -> CommandError {
    let name = match wanted.log {
        Log::Inbox => "inbox",
        Log::Group(_) => "inboxgroup",
    };
    let usage = CommandEntry::named(name).map(|entry| ParseError::usage(entry, why));
    usage.map_or_else(|| CommandError::refused("usage", why), CommandError::from)
}
