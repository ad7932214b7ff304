//! Queries about files.

use qchat_proto::command::{FileMark, FileQuery};
use qchat_proto::limits::{CANDIDATES_MAX, PAGE_BYTES};
use qchat_proto::{
    Address, Body, BoundedVec, ClientId, File, FolderPath, Refusal, StoredName, UserName,
};

use crate::store::error::StoreError;
use crate::store::handle::Store;
#[cfg(feature = "cluster")]
use crate::store::interface::Needs;
use crate::store::interface::{Range, Read, Stop, Table};
use crate::store::permission::{Action, permit};
use crate::store::schema::places::MessageKey;
use crate::store::schema::records::{self, CommandEffect, LogEntry, StoredFileRecord};
use crate::store::schema::rows::{self, Rows};
use crate::store::schema::{keys, logs};

/// The status of a file in the upload folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileStatus {
    /// A message refers to the file.
    Kept,
    /// A message refers to the file, and the file has expired.
    Expired,
    /// No message refers to the file.
    Unknown,
}

/// A file that a message refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SentFile {
    pub(crate) file: File,
    /// The sender of the message, and the id of the upload.
    pub(crate) sender: UserName,
    pub(crate) id: ClientId,
}

/// The status of an upload of which parts are stored.
#[cfg(feature = "cluster")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum UploadStatus {
    /// No message refers to the upload.
    Unfinished,
    /// A message refers to the file.
    Kept(File),
    /// A message refers to the file, and the file has expired.
    Expired,
}

/// A page of files, and the start of the next page if there is one.
type FilesPage = (Vec<File>, Option<FileMark>);

impl Store {
    /// A page of the files below a folder, in a log that `user` may read. The user's copies of files sent to others
    /// are left out.
    pub(crate) async fn files_below(
        &self,
        user: UserName,
        log: Address,
        (folder, after): (FolderPath, Option<FileMark>),
    ) -> Result<Result<FilesPage, Refusal>, StoreError> {
        self.read(move |tables| {
            if let Err(refusal) = permit(tables, &user, Action::Read(&log))? {
                return Ok(Err(refusal));
            }
            let start = keys::files_below(&log, &folder);
            let after = after.as_ref().map(|FileMark { path, name }| {
                keys::file_name(&log, &path.to_string(), Some(name))
            });
            files_from(tables, &log, (&start, after.as_deref())).map(Ok)
        })
        .await
    }

    /// The file with this name, in a log that `user` may read.
    pub(crate) async fn file(
        &self,
        user: UserName,
        log: Address,
        query: FileQuery,
    ) -> Result<Result<SentFile, Refusal>, StoreError> {
        self.read(move |tables| {
            if let Err(refusal) = permit(tables, &user, Action::Read(&log))? {
                return Ok(Err(refusal));
            }
            let mut found = Vec::new();
            if let Some(stored) = &query.stored {
                found = candidates(tables, &log, stored.as_str())?;
            }
            if found.is_empty() {
                found = candidates(tables, &log, &query.original.to_string())?;
            }
            match found.as_slice() {
                [] => Ok(Err(Refusal::FileNotFound(query.original.clone()))),
                [(name, _)] if has_expired(tables, name)? => {
                    Ok(Err(Refusal::FileExpired(name.clone())))
                }
                [(_, key)] => Ok(Ok(file_of(logs::message(tables, *key)?)?)),
                _ => {
                    let names = found.into_iter().map(|(name, _)| name);
                    Ok(Err(Refusal::AmbiguousFile(BoundedVec::first_of(names))))
                }
            }
        })
        .await
    }

    /// Whether `user` may send a file to `to`, and the bytes of the user's files so far. The transaction of the
    /// file's message checks both again.
    pub(crate) async fn may_upload(
        &self,
        user: UserName,
        to: Address,
    ) -> Result<Result<u64, Refusal>, StoreError> {
        self.read(move |tables| {
            let allowed = permit(tables, &user, Action::Write(&to))?;
            let key = keys::name(user.as_str());
            let used = rows::find(tables, Table::Usage, key, "usage")?;
            Ok(allowed.map(|()| used.unwrap_or_default()))
        })
        .await
    }

    /// The status of each of these files in the upload folder, in the same order.
    pub(crate) async fn file_statuses(
        &self,
        names: Vec<StoredName>,
    ) -> Result<Vec<FileStatus>, StoreError> {
        self.read(move |tables| {
            let keys: Vec<_> =
                names.iter().map(|name| keys::name(name.as_str()).to_vec()).collect();
            let files = rows::find_all(tables, Table::StoredFiles, &keys, "stored file")?;
            let statuses = files.into_iter().map(|file: Option<StoredFileRecord>| {
                file.map_or(FileStatus::Unknown, |file| match file.expired {
                    None => FileStatus::Kept,
                    Some(_) => FileStatus::Expired,
                })
            });
            Ok(statuses.collect())
        })
        .await
    }

    /// The file that the first upload with this id stored.
    pub(crate) async fn earlier_upload(
        &self,
        user: UserName,
        id: ClientId,
    ) -> Result<Option<File>, StoreError> {
        self.read(move |tables| upload(tables, &user, id)).await
    }

    /// The status of each of these uploads, in the same order.
    #[cfg(feature = "cluster")]
    pub(crate) async fn upload_statuses(
        &self,
        uploads: Vec<(UserName, ClientId)>,
    ) -> Result<Vec<UploadStatus>, StoreError> {
        self.read(move |tables| {
            tables.expect(&|| {
                let keys = uploads.iter().map(|(user, id)| keys::effect(user, *id));
                keys.fold(Needs::default(), |needs, key| needs.row(Table::Effects, key))
            });
            let mut statuses = Vec::with_capacity(uploads.len());
            for (user, id) in &uploads {
                statuses.push(match upload(tables, user, *id)? {
                    None => UploadStatus::Unfinished,
                    Some(file) if has_expired(tables, &file.name)? => UploadStatus::Expired,
                    Some(file) => UploadStatus::Kept(file),
                });
            }
            Ok(statuses)
        })
        .await
    }
}

/// The file of the message with this id.
fn upload(tables: &mut dyn Read, user: &UserName, id: ClientId) -> Result<Option<File>, Stop> {
    match rows::find(tables, Table::Effects, &keys::effect(user, id), "request")? {
        Some(CommandEffect::Message(key)) => match logs::message(tables, key)?.body {
            Body::File(file) => Ok(Some(file)),
            Body::Text(_) | Body::ExpiredFile(_) => Ok(None),
        },
        _ => Ok(None),
    }
}

/// Whether a stored file has expired.
pub(super) fn has_expired(tables: &mut dyn Read, name: &StoredName) -> Result<bool, Stop> {
    Ok(stored_file(tables, name)?.is_some_and(|file| file.expired.is_some()))
}

fn stored_file(tables: &mut dyn Read, name: &StoredName) -> Result<Option<StoredFileRecord>, Stop> {
    rows::find(tables, Table::StoredFiles, keys::name(name.as_str()), "stored file")
}

/// The files of a log with this name, at most [`CANDIDATES_MAX`].
fn candidates(
    tables: &mut dyn Read,
    log: &Address,
    name: &str,
) -> Result<Vec<(StoredName, MessageKey)>, Stop> {
    let start = keys::file_name(log, name, None);
    let mut files = Rows::of(Range::prefix(Table::FileNames, start.clone()), CANDIDATES_MAX);
    let mut found = Vec::new();
    while found.len() < CANDIDATES_MAX
        && let Some((key, message)) = files.next(tables)?
    {
        let stored = std::str::from_utf8(rows::rest(&key, &start)).ok();
        let stored = stored.and_then(|name| name.parse().ok());
        let stored = stored.ok_or(StoreError::Damaged("file name"))?;
        found.push((stored, records::decode(&message, "file")?));
    }
    Ok(found)
}

/// The files of a log whose keys begin with `start`, after a key. A page ends when it is full, or after as many rows
/// as a full page has: rows of copies are skipped, and must not make the query longer.
fn files_from(
    tables: &mut dyn Read,
    log: &Address,
    (start, after): (&[u8], Option<&[u8]>),
) -> Result<FilesPage, Stop> {
    let below = Range::prefix(Table::FileNames, start.to_vec()).behind_any(after);
    let (page, more) = rows::page(tables, below)?;
    let keys = page.iter().map(|(_, key)| records::decode(key, "file"));
    let keys: Vec<MessageKey> = keys.collect::<Result<_, _>>()?;
    let entries = logs::messages(tables, keys)?;
    let (mut files, mut bytes, mut mark) = (Vec::new(), 0, None);
    for ((key, _), entry) in page.iter().zip(entries) {
        if bytes >= PAGE_BYTES {
            return Ok((files, mark));
        }
        let is_here = entry.to == *log;
        let SentFile { file, .. } = file_of(entry)?;
        mark = Some(FileMark { path: file.original.clone(), name: file.name.clone() });
        if is_here {
            // The key contains the path and the stored name; 64 bytes are for the length and the digest.
            bytes += key.len() + 64;
            files.push(file);
        }
    }
    Ok((files, mark.filter(|_| more)))
}

fn file_of(entry: LogEntry) -> Result<SentFile, StoreError> {
    let LogEntry { from: sender, id, body, .. } = entry;
    match body {
        Body::File(file) => Ok(SentFile { file, sender, id }),
        Body::Text(_) | Body::ExpiredFile(_) => Err(StoreError::Damaged("file")),
    }
}
