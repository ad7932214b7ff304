//! Queries about files.

use qchat_proto::command::{FileMark, FileQuery};
use qchat_proto::limits::{CANDIDATES_MAX, PAGE_BYTES, PAGE_ITEMS_MAX};
use qchat_proto::{
    Address, Body, BoundedVec, ClientId, File, FolderPath, Refusal, Sequence, StoredName, UserName,
};

use crate::store::error::StoreError;
use crate::store::handle::Store;
use crate::store::interface::{Needs, Range, Read, Stop, Table};
use crate::store::permission::{Action, permit};
use crate::store::schema::keys;
use crate::store::schema::records::{self, CommandEffect, LogEntry, StoredFileRecord};
use crate::store::schema::rows::{self, Rows};

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
            let after = after
                .as_ref()
                .map(|FileMark { path, name }| keys::file(&log, &path.to_string(), Some(name)));
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
                [(_, sequence)] => file_of(tables, &log, *sequence).map(Ok),
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
            tables.expect(&|| {
                let keys = names.iter().map(|name| keys::name(name.as_str()));
                keys.fold(Needs::default(), |needs, key| needs.row(Table::StoredFiles, key))
            });
            let statuses = names.iter().map(|name| {
                let file = stored_file(tables, name)?;
                Ok(file.map_or(FileStatus::Unknown, |file| match file.expired {
                    None => FileStatus::Kept,
                    Some(_) => FileStatus::Expired,
                }))
            });
            statuses.collect()
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
    match rows::find(tables, Table::Requests, &keys::request(user, id), "request")? {
        Some(CommandEffect::Message(log, sequence)) => match entry(tables, &log, sequence)?.body {
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
) -> Result<Vec<(StoredName, Sequence)>, Stop> {
    let start = keys::file(log, name, None);
    let mut files = Rows::of(Range::prefix(Table::Files, start.clone()), CANDIDATES_MAX);
    let mut found = Vec::new();
    while found.len() < CANDIDATES_MAX
        && let Some((key, sequence)) = files.next(tables)?
    {
        let stored = std::str::from_utf8(rows::rest(&key, &start)).ok();
        let stored = stored.and_then(|name| name.parse().ok());
        let stored = stored.ok_or(StoreError::Damaged("file name"))?;
        found.push((stored, records::decode(&sequence, "file")?));
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
    let below = Range::prefix(Table::Files, start.to_vec()).behind_any(after);
    let mut found = Rows::of(below, PAGE_ITEMS_MAX);
    let (mut files, mut bytes, mut rows, mut mark) = (Vec::new(), 0, 0, None);
    while let Some((key, sequence)) = found.next(tables)? {
        if rows == PAGE_ITEMS_MAX || bytes >= PAGE_BYTES {
            return Ok((files, mark));
        }
        rows += 1;
        let entry = entry(tables, log, records::decode(&sequence, "file")?)?;
        let Body::File(file) = entry.body else { return Err(StoreError::Damaged("file").into()) };
        mark = Some(FileMark { path: file.original.clone(), name: file.name.clone() });
        if entry.to == *log {
            // The key contains the path and the stored name; 64 bytes are for the length and the digest.
            bytes += key.len() + 64;
            files.push(file);
        }
    }
    Ok((files, None))
}

fn file_of(tables: &mut dyn Read, log: &Address, sequence: Sequence) -> Result<SentFile, Stop> {
    let LogEntry { from: sender, id, body, .. } = entry(tables, log, sequence)?;
    match body {
        Body::File(file) => Ok(SentFile { file, sender, id }),
        Body::Text(_) | Body::ExpiredFile(_) => Err(StoreError::Damaged("file").into()),
    }
}

fn entry(tables: &mut dyn Read, log: &Address, sequence: Sequence) -> Result<LogEntry, Stop> {
    let found = rows::find(tables, Table::Entries, &keys::entry(log, sequence), "message")?;
    Ok(found.ok_or(StoreError::Damaged("log"))?)
}
