//! The handle that callers hold, and the commands that need one answer.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use qchat_proto::command::{Group, Join, Leave, Log, MakeGroup, Member, SendText, User};
use qchat_proto::{
    Address, ClientId, File, FileName, FilePath, Fingerprint, FolderPath, GroupName, Message,
    MessageText, UserName,
};

use crate::commands::{HistoryAnswer, HistoryQuery, history, mark_read};
use crate::commands::{files_below, groups, members, users};
use crate::connect::Acquaintance;
use crate::connection::Link;
use crate::error::{CallError, LinkError};
use crate::files::Progress;
use crate::files::send_file;
use crate::files::{Downloaded, download};
use crate::trust::PinError;

/// A connection to a server. Clones are handles on the same connection, which is closed when the last
/// one is dropped. Calls may run side by side.
///
/// The connection's heartbeat runs in the caller's runtime: a program that blocks that for 3 s may
/// lose the connection.
///
/// Every call has a deadline of 30 s for its answer, files aside. Which of [`CallError`]'s variants it
/// returns says whether it can be repeated.
#[derive(Clone)]
pub struct Client {
    pub(crate) link: Arc<Link>,
    pub(crate) acquaintance: Acquaintance,
    pub(crate) pin_error: Option<Arc<PinError>>,
    pub(crate) request_id: Option<ClientId>,
}

impl Client {
    /// A handle on the same connection whose calls carry this id. A call that makes or sends something
    /// and whose outcome is unknown can be repeated with its id, on another connection too: the server
    /// does it once, and returns the first answer again. One id is for one call.
    ///
    /// Without this, every call makes an id of its own.
    #[must_use]
    pub fn with_request_id(&self, id: ClientId) -> Self {
        Self { request_id: Some(id), ..self.clone() }
    }

    /// The id that the next call carries: the one that was given, or a new one.
    pub fn request_id(&self) -> ClientId {
        self.request_id.unwrap_or_else(ClientId::random)
    }

    /// The server's key, if the server was unknown until now. It is pinned, unless there is a
    /// [`pin_error`](Self::pin_error).
    pub fn first_contact(&self) -> Option<Fingerprint> {
        match self.acquaintance {
            Acquaintance::New(key) => Some(key),
            Acquaintance::Known | Acquaintance::Changed(_) => None,
        }
    }

    /// The server's key, where it is another one than the last time: one that the server had announced,
    /// and that is pinned now in place of the one before.
    pub fn changed_key(&self) -> Option<Fingerprint> {
        match self.acquaintance {
            Acquaintance::Changed(key) => Some(key),
            Acquaintance::Known | Acquaintance::New(_) => None,
        }
    }

    /// Why the server's key could not be pinned, if that is so: another connection would not know it.
    pub fn pin_error(&self) -> Option<&PinError> {
        self.pin_error.as_deref()
    }

    /// Who is signed in on this connection.
    pub fn user(&self) -> Option<UserName> {
        self.link.user()
    }

    /// Whether the connection is over, from whichever side.
    pub fn is_closed(&self) -> bool {
        self.link.connection.close_reason().is_some()
    }

    /// Whether the server has ended the connection because nobody was signed in on it for 10 s. That is no
    /// sign of trouble: another one can be made when it is needed.
    pub fn ended_unused(&self) -> bool {
        let reason = self.link.connection.close_reason();
        reason.is_some_and(|reason| LinkError::from(reason) == LinkError::NobodySignedIn)
    }

    /// Waits until the connection is over, from whichever side.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn closed(&self) {
        self.link.connection.closed().await;
    }

    /// The other users, in the order of their names.
    ///
    /// # Errors
    /// [`CallError`].
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn users(&self) -> Result<Vec<User>, CallError> {
        users(&self.link).await
    }

    /// Sends a text. The answer is the message as it is stored.
    ///
    /// # Errors
    /// [`CallError`].
    ///
    /// # Cancel safety
    /// Not cancel safe: whether the message was sent is unknown.
    pub async fn send(&self, to: Address, text: MessageText) -> Result<Message, CallError> {
        self.link.ask(SendText { id: self.request_id(), to, text }).await
    }

    /// Reads a log, all pages of the answer.
    ///
    /// # Errors
    /// [`CallError`].
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn history(&self, query: HistoryQuery) -> Result<HistoryAnswer, CallError> {
        history(&self.link, query).await
    }

    /// Marks those of `shown` that are unread and lie in `log` as read, on all of the user's devices.
    ///
    /// # Errors
    /// [`CallError`]; some of them may be marked then.
    ///
    /// # Cancel safety
    /// Not cancel safe: how many are marked is unknown. Repeating it does no harm.
    pub async fn mark_read(&self, log: Log, shown: &[Message]) -> Result<(), CallError> {
        mark_read(&self.link, log, shown).await
    }

    /// Sends the regular file at `path` as a message. The answer comes when the server has the whole
    /// file on its disk. What it has of a file that was cut stays there for a while: called again with
    /// the same [request id](Self::with_request_id), this sends only what is missing or has changed.
    ///
    /// # Errors
    /// [`CallError`]; [`CallError::LocalFile`] where the file cannot be read.
    ///
    /// # Cancel safety
    /// Not cancel safe: while the file is on its way it is broken off; whether a file that was sent
    /// whole became a message is unknown.
    pub async fn send_file(
        &self,
        to: Address,
        path: &Path,
        progress: Progress,
    ) -> Result<Message, CallError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = FileName::from(name.as_ref());
        self.send_file_as(to, path, name.into(), progress).await
    }

    /// As [`send_file`](Self::send_file), under this name: where a file of a folder that is sent as a whole
    /// is to lie in the folder where it lands. It is part of what the request id stands for.
    ///
    /// # Errors
    /// [`CallError`]; [`CallError::LocalFile`] where the file cannot be read.
    ///
    /// # Cancel safety
    /// As that of [`send_file`](Self::send_file).
    pub async fn send_file_as(
        &self,
        to: Address,
        path: &Path,
        name: FilePath,
        progress: Progress,
    ) -> Result<Message, CallError> {
        let sent = send_file(&self.link, self.request_id(), (to, path, name), progress).await;
        self.link.heed(&sent);
        sent
    }

    /// Fetches the file called `name`, by its stored name or its original one, into `folder`, which is
    /// made if it is missing. A file that was sent with folders lands below these in there; no symbolic
    /// link in their place is followed. The file appears when it is whole, checked and on the disk; it
    /// replaces no other. Until then it is a part, a file whose name begins with `.part-`, with which the
    /// next call goes on: what lies there is checked, and only what is missing or wrong is fetched. A file
    /// that lies in its place with the same bytes is not fetched again.
    ///
    /// # Errors
    /// [`CallError`]; [`CallError::LocalFile`] where the folder cannot be written to.
    ///
    /// # Cancel safety
    /// Cancel safe: what has come of the file stays, and is gone on with by the next call.
    pub async fn download(
        &self,
        log: Log,
        name: &str,
        folder: &Path,
        progress: Progress,
    ) -> Result<Downloaded, CallError> {
        let downloaded = download(&self.link, log, name, folder, progress).await;
        self.link.heed(&downloaded);
        downloaded
    }

    /// The files in a log that were sent with this folder, those in folders below it too, in the order of
    /// their paths; of the mailbox those that were sent to the user. Some may have expired.
    ///
    /// # Errors
    /// [`CallError`].
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn files_below(
        &self,
        log: &Log,
        folder: &FolderPath,
    ) -> Result<Vec<File>, CallError> {
        files_below(&self.link, log, folder).await
    }

    /// Makes a group; its maker is its owner and a member.
    ///
    /// # Errors
    /// [`CallError`].
    ///
    /// # Cancel safety
    /// Not cancel safe: whether the group was made is unknown.
    pub async fn make_group(&self, group: GroupName) -> Result<GroupName, CallError> {
        Ok(self.link.ask(MakeGroup { id: self.request_id(), group }).await?.group)
    }

    /// Joins a group. Joining twice is no error.
    ///
    /// # Errors
    /// [`CallError`].
    ///
    /// # Cancel safety
    /// Not cancel safe: whether the user is a member now is unknown.
    pub async fn join(&self, group: GroupName) -> Result<GroupName, CallError> {
        Ok(self.link.ask(Join { group }).await?.group)
    }

    /// Leaves a group.
    ///
    /// # Errors
    /// [`CallError`].
    ///
    /// # Cancel safety
    /// Not cancel safe: whether the user is still a member is unknown.
    pub async fn leave(&self, group: GroupName) -> Result<GroupName, CallError> {
        Ok(self.link.ask(Leave { group }).await?.group)
    }

    /// All groups, in the order of their names.
    ///
    /// # Errors
    /// [`CallError`].
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn groups(&self) -> Result<Vec<Group>, CallError> {
        groups(&self.link).await
    }

    /// A group's members, in the order of their names.
    ///
    /// # Errors
    /// [`CallError`].
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn members(&self, group: GroupName) -> Result<Vec<Member>, CallError> {
        members(&self.link, group).await
    }

    /// Closes the connection for all handles, and waits, for a second at the most, until the server
    /// is told. Calls under way fail.
    ///
    /// # Cancel safety
    /// Cancel safe: the connection is closed; the server may not hear of it.
    pub async fn close(&self) {
        self.link.close().await;
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Client")
            .field("server", &self.link.connection.remote_address())
            .field("user", &self.user())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// It compiles; nothing runs.
    #[expect(dead_code, reason = "the compiler is the test")]
    fn every_call_can_run_in_a_task_of_its_own(client: &Client, name: UserName, group: &GroupName) {
        fn sent(_: impl Send) {}
        let (to, path) = (|| Address::Group(group.clone()), Path::new(""));
        sent(client.history(HistoryQuery {
            log: Log::Inbox,
            selection: qchat_proto::command::Selection::Unread,
            from: Some(name),
            before: None,
        }));
        sent(client.mark_read(Log::Inbox, &[]));
        sent(client.send_file(to(), path, Progress::none()));
        sent(client.download(Log::Inbox, "", path, Progress::none()));
        sent(client.members(group.clone()));
        sent(client.files_below(&Log::Inbox, &"a".parse().unwrap()));
        sent((client.users(), client.groups(), client.logout(), client.close()));
    }
}
