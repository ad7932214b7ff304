//! Sends several files, each as a message of its own.

use qchat_proto::{Address, ClientId, Message};

use super::Run;
use super::send_file::send_under_its_name;
use crate::command::FileArguments;
use crate::error::{CommandError, CommandResult};
use crate::execute::file_selection::{FileSelection, SelectedFile, select_files};
use crate::outcome::{Outcome, SentFiles};
use crate::output::TransferBar;

impl Run<'_> {
    /// Sends the files that a line names, one after the other.
    pub(super) async fn send_files(
        &self,
        to: &Address,
        files: &FileArguments,
    ) -> CommandResult<Outcome> {
        let selection = select_files(files, self.options.folder.as_deref()).await?;
        match selection.only() {
            Some(file) => self.send_file(to, file).await,
            None => self.send_all(to, selection).await.map(Outcome::SentFiles),
        }
    }

    /// Sends the files, and continues the uploads of an earlier run of the same line. Until all are sent, the
    /// same line sends only the missing ones.
    async fn send_all(&self, to: &Address, selection: FileSelection) -> CommandResult<SentFiles> {
        let id = self.client.request_id();
        let note = match (&self.options.unfinished, self.client.user()) {
            (Some(notes), Some(user)) => notes.take_many(&user, (to, selection.digest()), id).await,
            _ => None,
        };
        let line = note.as_ref().map_or(id, |note| note.id);
        let sent = self.send_each((to, line), selection).await;
        let is_over = match &sent {
            Ok(sent) => sent.failed.is_empty(),
            Err(failure) => !failure.code.leaves_upload_open(),
        };
        if let Some(note) = note.filter(|_| is_over) {
            note.end().await;
        }
        sent
    }

    /// An error of one file does not stop the others. An error of the receiver or of the connection does;
    /// files that were sent are not sent again when the line runs again under its id.
    async fn send_each(
        &self,
        (to, line): (&Address, ClientId),
        selection: FileSelection,
    ) -> CommandResult<SentFiles> {
        let options = &self.options.progress;
        let bar = TransferBar::of_many(options, selection.files.len(), selection.bytes());
        let FileSelection { files, left_out, renamed, .. } = selection;
        let mut sent = SentFiles { left_out, renamed, ..SentFiles::default() };
        let (all, mut done) = (files.len(), 0_u64);
        for (index, file) in files.into_iter().enumerate() {
            bar.begin_file(&file.name.to_string(), (index + 1, all), done);
            done = done.saturating_add(file.bytes);
            match self.send_one((to, line), &file, &bar).await {
                Ok(message) => sent.messages.push(message),
                Err(failure) if failure.code.concerns_one_file() => {
                    sent.failed.push((file.path, failure));
                }
                Err(failure) => return Err(after(sent.messages.len(), all, failure)),
            }
        }
        Ok(sent)
    }

    async fn send_one(
        &self,
        (to, line): (&Address, ClientId),
        file: &SelectedFile,
        bar: &TransferBar,
    ) -> CommandResult<Message> {
        let client = self.client.with_request_id(file.id(line));
        Ok(send_under_its_name(&client, to, file, bar.progress()).await?)
    }
}

fn after(sent: usize, all: usize, failure: CommandError) -> CommandError {
    match sent {
        0 => failure,
        _ => {
            let text = format!("{sent} of {all} files are sent; {}", failure.text);
            CommandError { text, ..failure }
        }
    }
}
