//! Messages, files and receipts.

use qchat_proto::{Address, Body, File, FolderPath, GroupName, Message, Receipt, UserName};
use serde::Serialize;

use crate::command::stage_name;
use crate::output::time::rfc3339;

#[derive(Serialize)]
pub(super) struct MessageObject<'a> {
    id: String,
    from: &'a UserName,
    #[serde(flatten)]
    to: ToObject<'a>,
    at: String,
    #[serde(flatten)]
    body: BodyObject<'a>,
    unread: bool,
}

#[derive(Serialize)]
pub(super) struct ReceiptObject {
    stage: &'static str,
    receivers: u64,
    delivered: u64,
    read: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum ToObject<'a> {
    To(&'a UserName),
    Group(&'a GroupName),
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum BodyObject<'a> {
    Text(&'a str),
    File(FileObject<'a>),
}

#[derive(Serialize)]
pub(super) struct FileObject<'a> {
    name: &'a str,
    original: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    folder: Option<&'a str>,
    size: u64,
    blake3: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    executable: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    expired: bool,
}

impl<'a> From<&'a Message> for MessageObject<'a> {
    fn from(message: &'a Message) -> Self {
        Self {
            id: message.id.to_string(),
            from: &message.from,
            to: match &message.id.log {
                Address::User(user) => ToObject::To(user),
                Address::Group(group) => ToObject::Group(group),
            },
            at: rfc3339(message.at),
            body: match &message.body {
                Body::Text(text) => BodyObject::Text(text.as_str()),
                Body::File(file) => BodyObject::File(file.into()),
                Body::ExpiredFile(file) => {
                    BodyObject::File(FileObject { expired: true, ..file.into() })
                }
            },
            unread: message.unread,
        }
    }
}

impl From<Receipt> for ReceiptObject {
    fn from(receipt: Receipt) -> Self {
        let Receipt { receivers, delivered, read } = receipt;
        Self { stage: stage_name(receipt.stage()), receivers, delivered, read }
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
