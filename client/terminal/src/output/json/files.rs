//! Files, and the results of commands with several files.

use std::borrow::Cow;
use std::path::PathBuf;

use qchat_proto::File;
use serde::Serialize;

use super::error::ErrorObject;
use super::message::{FileObject, MessageObject};
use crate::error::CommandError;
use crate::outcome::{RenamedFile, SavedFiles, SentFiles};
use crate::output::sanitize;

/// The object that announces renamed files before they are sent.
pub(crate) fn renamed(renamed: &[RenamedFile]) -> String {
    let renamed = renamed.iter().map(RenamedObject::from).collect();
    let object = RenamedEvent { event: "renamed", renamed };
    sanitize::json(&serde_json::to_string(&object).unwrap_or_default())
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
    error: Option<ErrorObject<'a>>,
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
    error: Option<ErrorObject<'a>>,
    files: Vec<SavedObject<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failed: Vec<FailedObject<'a>>,
}

#[derive(Serialize)]
pub(super) struct FailedObject<'a> {
    file: Cow<'a, str>,
    error: ErrorObject<'a>,
}

impl<'a> From<&'a SavedFiles> for SavedFilesObject<'a> {
    fn from(saved: &'a SavedFiles) -> Self {
        let failed = |(file, failure): &'a (File, CommandError)| FailedObject {
            file: file.name.as_str().into(),
            error: failure.into(),
        };
        let files = saved.files.iter();
        Self {
            error: saved.error().map(ErrorObject::from),
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

impl<'a> From<&'a SentFiles> for SentFilesObject<'a> {
    fn from(sent: &'a SentFiles) -> Self {
        let failed = |(file, failure): &'a (PathBuf, CommandError)| FailedObject {
            file: file.to_string_lossy(),
            error: failure.into(),
        };
        Self {
            error: sent.error().map(ErrorObject::from),
            messages: sent.messages.iter().map(MessageObject::from).collect(),
            failed: sent.failed.iter().map(failed).collect(),
            left_out: sent.left_out.iter().map(|entry| entry.path.to_string_lossy()).collect(),
            renamed: sent.renamed.iter().map(RenamedObject::from).collect(),
        }
    }
}
