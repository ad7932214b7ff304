//! Fetches a file, or all files below a folder.

use std::path::{Path, PathBuf};

use qchat_client::{Code, Downloaded, FolderPath, Refusal, already_here, check_room_for};
use qchat_proto::command::Log;

use super::Run;
use crate::error::{CommandError, CommandResult};
use crate::outcome::{Outcome, SavedFiles};
use crate::output::TransferBar;

impl Run<'_> {
    /// Fetches a file, or all files below a folder if the name ends with a slash.
    pub(super) async fn download(&self, log: &Log, name: &str) -> CommandResult<Outcome> {
        let folder = name.strip_suffix('/').and_then(|folder| folder.parse().ok());
        if let Some(folder) = folder {
            return self.fetch_folder(log, &folder).await.map(Outcome::SavedFiles);
        }
        let top = self.download_folder(log)?;
        let bar = TransferBar::new(&self.options.progress);
        let downloaded = self.client.download(log.clone(), name, &top, bar.progress()).await?;
        let Downloaded { file, path, was_here } = downloaded;
        let path = self.options.shown(&path);
        Ok(Outcome::Saved { file, path, damaged: bar.damaged(), was_here })
    }

    /// The folder for the files of this log.
    fn download_folder(&self, log: &Log) -> CommandResult<PathBuf> {
        let user = self.client.user().ok_or(Refusal::NotLoggedIn)?;
        let top = match log {
            Log::Inbox => "download",
            Log::Group(_) => "downloadgroup",
        };
        Ok(self.options.absolute(&Path::new(top).join(user.as_str())))
    }

    /// Fetches the files one after the other. An error of one file does not stop the others. A file that
    /// lies here already with the right bytes is not fetched again: the line may run again after a lost
    /// connection, or be typed again.
    async fn fetch_folder(&self, log: &Log, folder: &FolderPath) -> CommandResult<SavedFiles> {
        let files = self.options.time.query(self.client.files_below(log, folder)).await?;
        if files.is_empty() {
            let text = format!("no file was sent here with the folder {folder}/");
            return Err(CommandError::refused(Code::FileNotFound, text));
        }
        let top = self.download_folder(log)?;
        check_room_for(&top, &files).await?;
        let bytes = files.iter().map(|file| file.size).fold(0, u64::saturating_add);
        let bar = TransferBar::of_many(&self.options.progress, files.len(), bytes);
        let mut saved = SavedFiles::default();
        let (all, mut done) = (files.len(), 0_u64);
        for (index, file) in files.into_iter().enumerate() {
            bar.begin_file(&file.original.to_string(), (index + 1, all), done);
            done = done.saturating_add(file.size);
            if let Some(path) = already_here(&top, &file).await {
                saved.were_here += 1;
                saved.files.push((file, self.options.shown(&path)));
                continue;
            }
            let name = file.name.as_str();
            let fetched = self.client.download(log.clone(), name, &top, bar.progress()).await;
            match fetched.map_err(CommandError::from) {
                Ok(Downloaded { file, path, .. }) => {
                    saved.files.push((file, self.options.shown(&path)));
                }
                Err(failure) if failure.code.concerns_one_file() => {
                    saved.failed.push((file, failure));
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(saved)
    }
}
