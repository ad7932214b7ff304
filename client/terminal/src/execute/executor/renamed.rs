//! Names of files that change on the way: told before anything is sent.

use qchat_client::proto::ClientId;

use super::Executor;
use crate::command::Command;
use crate::execute::file_selection::select_files;

impl Executor {
    /// Tells which files and folders of a line will be called otherwise where they go to; once for each
    /// line, however often it is tried.
    pub(crate) async fn announce_renamed(&mut self, line: &Command, id: ClientId) {
        let Command::SendFile { files, .. } = line else { return };
        if self.announced.replace(id) == Some(id) {
            return;
        }
        // What is wrong with the line is told when it is done.
        let chosen = select_files(files, self.options.folder.as_deref()).await;
        if let Ok(chosen) = chosen
            && !chosen.renamed.is_empty()
        {
            self.output.renamed(&chosen.renamed);
        }
    }
}
