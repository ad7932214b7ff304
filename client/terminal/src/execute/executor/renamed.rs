//! Names of files that change on the way: told before anything is sent.

use qchat_client::proto::ClientId;

use super::Shell;
use crate::command::Line;

impl Shell {
    /// Tells which files and folders of a line will be called otherwise where they go to; once for each
    /// line, however often it is tried.
    pub(crate) async fn tell_renamed(&mut self, line: &Line, id: ClientId) {
        let Line::SendFile { files, .. } = line else { return };
        if self.told_renamed.replace(id) == Some(id) {
            return;
        }
        // What is wrong with the line is told when it is done.
        let chosen = files.choose(self.manner.folder.as_deref()).await;
        if let Ok(chosen) = chosen
            && !chosen.renamed.is_empty()
        {
            self.output.renamed(&chosen.renamed);
        }
    }
}
