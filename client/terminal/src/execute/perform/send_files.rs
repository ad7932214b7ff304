//! Sends several files, each as a message of its own.

use qchat_client::Client;
use qchat_proto::{Address, ClientId, Message};

use super::ExecOptions;
use crate::error::CommandError;
use crate::execute::file_selection::{FileArguments, FileSelection, SelectedFile};
use crate::outcome::{Outcome, SentFiles};
use crate::output::TransferBar;

impl ExecOptions {
    /// Sends what a line names: one file, or several, one after the other.
    pub(super) async fn send_files(
        &self,
        client: &Client,
        to: &Address,
        named: &FileArguments,
    ) -> Result<Outcome, CommandError> {
        let chosen = named.choose(self.folder.as_deref()).await?;
        match chosen.only() {
            Some(file) => self.send_file(client, to, file).await,
            None => self.send_all(client, to, chosen).await.map(Outcome::SentFiles),
        }
    }

    /// Goes on with what an earlier run of the client has begun. As long as not all are sent, the same
    /// line sends only those that are missing.
    async fn send_all(
        &self,
        client: &Client,
        to: &Address,
        chosen: FileSelection,
    ) -> Result<SentFiles, CommandError> {
        let id = client.request_id();
        let note = match (&self.unfinished, client.user()) {
            (Some(notes), Some(user)) => notes.take_many(&user, (to, chosen.digest()), id).await,
            _ => None,
        };
        let line = note.as_ref().map_or(id, |note| note.id);
        let sent = self.send_many(client, (to, line), chosen).await;
        let is_over = match &sent {
            Ok(sent) => sent.failed.is_empty(),
            Err(failure) => super::is_final(failure),
        };
        if let Some(note) = note.filter(|_| is_over) {
            note.end().await;
        }
        sent
    }

    /// What is wrong with one file keeps no other from being sent. What is wrong with the receiver or the
    /// link ends it; those that were sent are not sent again where the line is tried again with its id.
    async fn send_many(
        &self,
        client: &Client,
        (to, line): (&Address, ClientId),
        chosen: FileSelection,
    ) -> Result<SentFiles, CommandError> {
        let bar = TransferBar::of_many(self, chosen.files.len(), chosen.bytes());
        let FileSelection { files, left_out, renamed, .. } = chosen;
        let mut sent = SentFiles { left_out, renamed, ..SentFiles::default() };
        let (all, mut done) = (files.len(), 0_u64);
        for (index, file) in files.into_iter().enumerate() {
            bar.begin_file(self, &file.name.to_string(), (index + 1, all), done);
            done = done.saturating_add(file.bytes);
            match self.send_one(client, (to, line), &file, &bar).await {
                Ok(message) => sent.messages.push(message),
                Err(failure) if is_of_one_file(&failure) => sent.failed.push((file.path, failure)),
                Err(failure) => return Err(after(sent.messages.len(), all, failure)),
            }
        }
        Ok(sent)
    }

    async fn send_one(
        &self,
        client: &Client,
        (to, line): (&Address, ClientId),
        file: &SelectedFile,
        bar: &TransferBar,
    ) -> Result<Message, CommandError> {
        let client = client.with_request_id(file.id(line));
        Ok(super::send_under_its_name(&client, to, file, bar.progress(self)).await?)
    }
}

fn is_of_one_file(failure: &CommandError) -> bool {
    matches!(
        failure.code,
        "local_file"
            | "file_changed"
            | "too_large"
            | "quota_exceeded"
            | "server_full"
            | "id_reused"
    )
}

fn after(sent: usize, all: usize, failure: CommandError) -> CommandError {
    match sent {
        0 => failure,
        _ => CommandError {
            text: format!("{sent} of {all} files are sent; {}", failure.text),
            ..failure
        },
    }
}
