//! Announces the files that get another name on the way, before anything is sent.

use qchat_client::proto::ClientId;

use super::Executor;
use crate::command::Command;
use crate::execute::file_selection::select_files;

impl Executor {
    /// Announces the renamed files and folders of a command, once for all its attempts.
    pub(crate) async fn announce_renamed(&mut self, command: &Command, id: ClientId) {
        let Command::SendFile { files, .. } = command else { return };
        if self.announced.replace(id) == Some(id) {
            return;
        }
        // An error of the command is reported when it runs.
        let selection = select_files(files, self.options.folder.as_deref()).await;
        if let Ok(selection) = selection
            && !selection.renamed.is_empty()
        {
            self.output.renamed(&selection.renamed);
        }
    }
}
