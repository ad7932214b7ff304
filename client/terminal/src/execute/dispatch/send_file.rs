//! Sends one file, or resumes an upload that an earlier run of the client began.

use qchat_client::{CallError, Client, Progress};
use qchat_proto::{Address, ClientId, Code, Message};

use super::Run;
use crate::error::{CommandError, CommandResult};
use crate::execute::file_selection::SelectedFile;
use crate::execute::upload_ids::UploadNote;
use crate::outcome::Outcome;
use crate::output::TransferBar;

impl Run<'_> {
    /// Sends a file under the id of its unfinished upload, if there is one.
    pub(super) async fn send_file(
        &self,
        to: &Address,
        file: &SelectedFile,
    ) -> CommandResult<Outcome> {
        let id = self.client.request_id();
        let mut note = self.note((to, file), id).await;
        let (mut sent, is_stored) = self.send_once((to, file), id, note.as_ref()).await;
        let is_older = note.as_ref().is_some_and(|note| note.is_changed && note.id != id);
        let is_stored =
            is_stored || sent.as_ref().is_err_and(|failure| failure.code == Code::IdReused);
        if is_older && is_stored {
            // The earlier upload was stored without an answer, and the file has changed since: send it anew.
            if let Some(note) = note {
                note.forget().await;
            }
            note = self.note((to, file), id).await;
            (sent, _) = self.send_once((to, file), id, note.as_ref()).await;
        }
        if let Some(note) = note.filter(|_| is_settled(&sent)) {
            note.end().await;
        }
        sent.map(Outcome::Sent)
    }

    async fn note(
        &self,
        (to, file): (&Address, &SelectedFile),
        id: ClientId,
    ) -> Option<UploadNote> {
        let notes = self.options.unfinished.as_ref()?;
        notes.take(&self.client.user()?, (to, &file.path, file.name.folder()), id).await
    }

    /// Also returns whether an earlier attempt had stored the file already.
    async fn send_once(
        &self,
        (to, file): (&Address, &SelectedFile),
        id: ClientId,
        note: Option<&UploadNote>,
    ) -> (CommandResult<Message>, bool) {
        let client = self.client.with_request_id(note.map_or(id, |note| note.id));
        let bar = TransferBar::new(&self.options.progress);
        let sent = send_under_its_name(&client, to, file, bar.progress()).await;
        let is_stored = sent.is_ok() && !bar.has_begun();
        (sent.map_err(CommandError::from), is_stored)
    }
}

pub(super) async fn send_under_its_name(
    client: &Client,
    to: &Address,
    file: &SelectedFile,
    progress: Progress,
) -> Result<Message, CallError> {
    client.send_file_as(to.clone(), &file.path, file.name.clone(), progress).await
}

/// Whether the answer is final: another attempt is then a new upload.
fn is_settled(sent: &CommandResult<Message>) -> bool {
    sent.as_ref().err().is_none_or(|failure| !failure.code.leaves_upload_open())
}
