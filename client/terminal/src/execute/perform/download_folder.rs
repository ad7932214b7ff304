//! Fetches the files below a folder, each as a line of its own would.

use qchat_client::{Client, Downloaded, FolderPath, already_here, check_room_for};
use qchat_proto::command::Log;

use super::ExecOptions;
use crate::error::CommandError;
use crate::outcome::SavedFiles;
use crate::output::TransferBar;

impl ExecOptions {
    /// What is wrong with one file keeps no other from being fetched. A file that lies in its place with the
    /// right bytes is not fetched a second time: the line may be tried again after a lost link, or said
    /// again.
    pub(super) async fn fetch_folder(
        &self,
        client: &Client,
        log: &Log,
        folder: &FolderPath,
    ) -> Result<SavedFiles, CommandError> {
        let files = self.ask(client.files_below(log, folder)).await?;
        if files.is_empty() {
            let text = format!("no file was sent here with the folder {folder}/");
            return Err(CommandError::refused("file_not_found", text));
        }
        let top = self.download_folder(client, log)?;
        check_room_for(&top, &files).await?;
        let bytes = files.iter().map(|file| file.size).fold(0, u64::saturating_add);
        let bar = TransferBar::of_many(self, files.len(), bytes);
        let mut saved = SavedFiles::default();
        let (all, mut done) = (files.len(), 0_u64);
        for (index, file) in files.into_iter().enumerate() {
            bar.begin_file(self, &file.original.to_string(), (index + 1, all), done);
            done = done.saturating_add(file.size);
            if let Some(path) = already_here(&top, &file).await {
                saved.were_here += 1;
                saved.files.push((file, self.shown(&path)));
                continue;
            }
            let fetched =
                client.download(log.clone(), file.name.as_str(), &top, bar.progress(self));
            match fetched.await.map_err(CommandError::from) {
                Ok(Downloaded { file, path, .. }) => saved.files.push((file, self.shown(&path))),
                Err(failure) if is_of_one_file(&failure) => saved.failed.push((file, failure)),
                Err(failure) => return Err(failure),
            }
        }
        Ok(saved)
    }
}

fn is_of_one_file(failure: &CommandError) -> bool {
    matches!(failure.code, "local_file" | "file_expired" | "file_damaged" | "file_not_found")
}
