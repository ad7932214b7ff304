//! Queries about files.

use qchat_proto::command::{FileMark, FileQuery};
use qchat_proto::limits::{CANDIDATES_MAX, PAGE_BYTES, PAGE_ITEMS_MAX};
use qchat_proto::{
    Address, Body, BoundedVec, ClientId, File, FolderPath, Refusal, Sequence, StoredName, UserName,
};

use crate::store::error::StoreError;
use crate::store::handle::Store;
use crate::store::permission::{Action, permit};
use crate::store::schema::records::{self, CommandEffect, LogEntry, StoredFileRecord};
use crate::store::schema::rows_read::{CountedTable, Snapshot};
use crate::store::schema::{keys, tables};

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
        self.read(move |snapshot| {
            if let Err(refusal) = permit(snapshot, &user, Action::Read(&log))? {
                return Ok(Err(refusal));
            }
            let start = keys::files_below(&log, &folder);
            let after = after
                .as_ref()
                .map(|FileMark { path, name }| keys::file(&log, &path.to_string(), Some(name)));
            files_from(snapshot, &log, (&start, after.as_deref())).map(Ok)
        })
        .await
    }

    /// The file with this name, in a log that `user` may read.
    pub(crate) async fn file(
        &self,
        user: UserName,
        log: Address,
        query: FileQuery,
    ) -> Result<Result<File, Refusal>, StoreError> {
        self.read(move |snapshot| {
            if let Err(refusal) = permit(snapshot, &user, Action::Read(&log))? {
                return Ok(Err(refusal));
            }
            let mut found = Vec::new();
            if let Some(stored) = &query.stored {
                found = candidates(snapshot, &log, stored.as_str())?;
            }
            if found.is_empty() {
                found = candidates(snapshot, &log, &query.original.to_string())?;
            }
            match found.as_slice() {
                [] => Ok(Err(Refusal::FileNotFound(query.original.clone()))),
                [(name, _)] if has_expired(&snapshot.open_table(tables::STORED_FILES)?, name)? => {
                    Ok(Err(Refusal::FileExpired(name.clone())))
                }
                [(_, sequence)] => file_of(snapshot, &log, *sequence).map(Ok),
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
        self.read(move |snapshot| {
            let allowed = permit(snapshot, &user, Action::Write(&to))?;
            let key = keys::name(user.as_str());
            let used = tables::find(snapshot, tables::USAGE, key, "usage")?;
            Ok(allowed.map(|()| used.unwrap_or_default()))
        })
        .await
    }

    /// The status of each of these files in the upload folder, in the same order.
    pub(crate) async fn file_statuses(
        &self,
        names: Vec<StoredName>,
    ) -> Result<Vec<FileStatus>, StoreError> {
        self.read(move |snapshot| {
            let table = snapshot.open_table(tables::STORED_FILES)?;
            let statuses = names.iter().map(|name| {
                let key = keys::name(name.as_str());
                let file: Option<StoredFileRecord> = tables::lookup(&table, key, "stored file")?;
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
        self.read(move |snapshot| {
            let key = keys::request(&user, id);
            match tables::find(snapshot, tables::REQUESTS, &key, "request")? {
                Some(CommandEffect::Message(log, sequence)) => {
                    match entry(snapshot, &log, sequence)?.body {
                        Body::File(file) => Ok(Some(file)),
                        Body::Text(_) | Body::ExpiredFile(_) => Ok(None),
                    }
                }
                _ => Ok(None),
            }
        })
        .await
    }
}

/// Whether a stored file has expired.
pub(super) fn has_expired(table: &CountedTable, name: &StoredName) -> Result<bool, StoreError> {
    let key = keys::name(name.as_str());
    let file: Option<StoredFileRecord> = tables::lookup(table, key, "stored file")?;
    Ok(file.is_some_and(|file| file.expired.is_some()))
}

/// The files of a log with this name, at most [`CANDIDATES_MAX`].
fn candidates(
    snapshot: &Snapshot,
    log: &Address,
    name: &str,
) -> Result<Vec<(StoredName, Sequence)>, StoreError> {
    let start = keys::file(log, name, None);
    let table = snapshot.open_table(tables::FILES)?;
    let mut found = Vec::new();
    for row in table.range(start.as_slice()..)?.take(CANDIDATES_MAX) {
        let (key, sequence) = row?;
        let Some(stored) = key.value().strip_prefix(start.as_slice()) else { break };
        let stored = std::str::from_utf8(stored).ok().and_then(|name| name.parse().ok());
        let stored = stored.ok_or(StoreError::Damaged("file name"))?;
        found.push((stored, records::decode(sequence.value(), "file")?));
    }
    Ok(found)
}

/// The files of a log whose keys begin with `start`, after a key. A page ends when it is full, or after as many rows
/// as a full page has: rows of copies are skipped, and must not make the query longer.
fn files_from(
    snapshot: &Snapshot,
    log: &Address,
    (start, after): (&[u8], Option<&[u8]>),
) -> Result<FilesPage, StoreError> {
    let entries = snapshot.open_table(tables::ENTRIES)?;
    let (mut files, mut bytes, mut rows, mut mark) = (Vec::new(), 0, 0, None);
    for row in snapshot.open_table(tables::FILES)?.range(after.unwrap_or(start)..)? {
        let (key, sequence) = row?;
        let key = key.value();
        if !key.starts_with(start) {
            break;
        }
        if Some(key) == after {
            continue;
        }
        if rows == PAGE_ITEMS_MAX || bytes >= PAGE_BYTES {
            return Ok((files, mark));
        }
        rows += 1;
        let entry = entry_in(&entries, log, records::decode(sequence.value(), "file")?)?;
        let Body::File(file) = entry.body else { return Err(StoreError::Damaged("file")) };
        mark = Some(FileMark { path: file.original.clone(), name: file.name.clone() });
        if entry.to == *log {
            // The key contains the path and the stored name; 64 bytes are for the length and the digest.
            bytes += key.len() + 64;
            files.push(file);
        }
    }
    Ok((files, None))
}

fn file_of(snapshot: &Snapshot, log: &Address, sequence: Sequence) -> Result<File, StoreError> {
    match entry(snapshot, log, sequence)?.body {
        Body::File(file) => Ok(file),
        Body::Text(_) | Body::ExpiredFile(_) => Err(StoreError::Damaged("file")),
    }
}

fn entry(snapshot: &Snapshot, log: &Address, sequence: Sequence) -> Result<LogEntry, StoreError> {
    entry_in(&snapshot.open_table(tables::ENTRIES)?, log, sequence)
}

fn entry_in(
    entries: &CountedTable,
    log: &Address,
    sequence: Sequence,
) -> Result<LogEntry, StoreError> {
    let found = tables::lookup(entries, &keys::entry(log, sequence), "message")?;
    found.ok_or(StoreError::Damaged("log"))
}
