//! Files, and the results of commands with several files.

use std::borrow::Cow;
use std::path::PathBuf;

use qchat_proto::{File, FolderPath};
use serde::Serialize;

use super::{ErrorObject, MessageObject, escape};
use crate::error::CommandError;
use crate::outcome::{RenamedFile, SavedFiles, SentFiles};

/// The object that announces renamed files before they are sent.
pub(crate) fn renamed(renamed: &[RenamedFile]) -> String {
    let renamed = renamed.iter().map(RenamedObject::from).collect();
    let object = RenamedEvent { event: "renamed", renamed };
    escape(&serde_json::to_string(&object).unwrap_or_default())
}

#[derive(Serialize)]
struct RenamedEvent<'a> {
    event: &'a str,
    renamed: Vec<RenamedObject<'a>>,
}

/// `error` and `failed` exist if a file failed, `left_out` if an entry was left out.
#[derive(Serialize)]
pub(super) struct SentFilesObject<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<OwnError>,
    messages: Vec<MessageObject<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failed: Vec<FailedObject<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    renamed: Vec<RenamedObject<'a>>,
}

#[derive(Serialize)]
pub(super) struct RenamedObject<'a> {
    file: Cow<'a, str>,
    sent_as: &'a str,
}

#[derive(Serialize)]
pub(super) struct SavedObject<'a> {
    pub(super) file: FileObject<'a>,
    pub(super) path: &'a str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) was_here: bool,
}

/// `error` and `failed` exist if a file failed.
#[derive(Serialize)]
pub(super) struct SavedFilesObject<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<OwnError>,
    files: Vec<SavedObject<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failed: Vec<FailedObject<'a>>,
}

#[derive(Serialize)]
struct OwnError {
    code: &'static str,
    message: String,
}

#[derive(Serialize)]
pub(super) struct FailedObject<'a> {
    file: Cow<'a, str>,
    error: ErrorObject<'a>,
}

#[derive(Serialize)]
pub(super) struct FileObject<'a> {
    pub(super) name: &'a str,
    pub(super) original: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) folder: Option<&'a str>,
    pub(super) size: u64,
    pub(super) blake3: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) executable: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) expired: bool,
}

impl<'a> From<&'a SavedFiles> for SavedFilesObject<'a> {
    fn from(saved: &'a SavedFiles) -> Self {
        let failed = |(file, failure): &'a (File, CommandError)| FailedObject {
            file: file.name.as_str().into(),
            error: ErrorObject { code: failure.code.as_str(), message: &failure.text },
        };
        let files = saved.files.iter();
        Self {
            error: saved.error().map(OwnError::from),
            files: files
                .map(|(file, path)| SavedObject { file: file.into(), path, was_here: false })
                .collect(),
            failed: saved.failed.iter().map(failed).collect(),
        }
    }
}

impl<'a> From<&'a RenamedFile> for RenamedObject<'a> {
    fn from(renamed: &'a RenamedFile) -> Self {
        Self { file: renamed.path.to_string_lossy(), sent_as: &renamed.sent_as }
    }
}

impl From<CommandError> for OwnError {
    fn from(CommandError { code, text, .. }: CommandError) -> Self {
        Self { code: code.as_str(), message: text }
    }
}

impl<'a> From<&'a SentFiles> for SentFilesObject<'a> {
    fn from(sent: &'a SentFiles) -> Self {
        let failed = |(file, failure): &'a (PathBuf, CommandError)| FailedObject {
            file: file.to_string_lossy(),
            error: ErrorObject { code: failure.code.as_str(), message: &failure.text },
        };
        Self {
            error: sent.error().map(OwnError::from),
            messages: sent.messages.iter().map(MessageObject::from).collect(),
            failed: sent.failed.iter().map(failed).collect(),
            left_out: sent.left_out.iter().map(|entry| entry.path.to_string_lossy()).collect(),
            renamed: sent.renamed.iter().map(RenamedObject::from).collect(),
        }
    }
}

impl<'a> From<&'a File> for FileObject<'a> {
    fn from(file: &'a File) -> Self {
        Self {
            name: file.name.as_str(),
            original: file.original.name().as_str(),
            folder: file.original.folder().map(FolderPath::as_str),
            size: file.size,
            blake3: file.digest.to_string(),
            executable: file.original.is_executable(),
            expired: false,
        }
    }
}
