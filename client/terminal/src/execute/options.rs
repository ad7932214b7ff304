//! The options of the commands that run on one executor.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::deadline::TimeLimit;
use crate::execute::upload_ids::UnfinishedUploads;
use crate::output::ProgressOptions;

/// How commands run.
#[derive(Debug, Clone)]
pub(crate) struct ExecOptions {
    pub(crate) time: TimeLimit,
    /// The folder in which relative file names begin; `None` is the working directory.
    pub(crate) folder: Option<PathBuf>,
    /// How transfers report their progress.
    pub(crate) progress: ProgressOptions,
    /// The notes of unfinished uploads, if uploads are noted.
    pub(crate) unfinished: Option<UnfinishedUploads>,
}

impl ExecOptions {
    /// The options of scripts and bots.
    pub(crate) fn plain(per_line: Duration) -> Self {
        Self {
            time: TimeLimit::new(per_line),
            folder: None,
            progress: ProgressOptions::default(),
            unfinished: None,
        }
    }

    /// The path below the folder of the options.
    pub(super) fn absolute(&self, path: &Path) -> PathBuf {
        self.folder.as_ref().map_or_else(|| path.to_owned(), |folder| folder.join(path))
    }

    /// The path as the user would write it.
    pub(super) fn shown(&self, path: &Path) -> String {
        let shown = self.folder.as_ref().and_then(|folder| path.strip_prefix(folder).ok());
        shown.unwrap_or(path).to_string_lossy().into_owned()
    }
}
