//! Questions about files.

use qchat_proto::command::{FileMark, FileQuery};
use qchat_proto::limits::{CANDIDATES_MAX, PAGE_BYTES, PAGE_ITEMS_MAX};
use qchat_proto::{
    Address, Body, BoundedVec, ClientId, File, FolderPath, Refusal, Sequence, StoredName, UserName,
};

use crate::store::error::StoreError;
use crate::store::permission::{Act, permit};
use crate::store::records::{self, Effect, Entry, StoredFile};
use crate::store::rows_read::{CountedTable, Snapshot};
use crate::store::{Store, tables};

/// What the store says of a file in the upload folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// A message tells of it.
    Kept,
    /// A message tells of it, and that it is gone.
    Expired,
    /// No message tells of it.
    Unknown,
}

/// Files, and where the list goes on if more rows follow.
type Files = (Vec<File>, Option<FileMark>);

impl Store {
    /// The files of a log that `user` may read, below a folder, after a place in that list. Copies of
    /// what the user sent to others are none of them.
    pub(crate) async fn files_below(
        &self,
        user: UserName,
        log: Address,
        (folder, after): (FolderPath, Option<FileMark>),
    ) -> Result<Result<Files, Refusal>, StoreError> {
        self.read(move |snapshot| {
            if let Err(refusal) = permit(snapshot, &user, Act::Read(&log))? {
                return Ok(Err(refusal));
            }
            let start = tables::files_below(&log, &folder);
            let after = after
                .as_ref()
                .map(|FileMark { path, name }| tables::file(&log, &path.to_string(), Some(name)));
            files_from(snapshot, &log, (&start, after.as_deref())).map(Ok)
        })
        .await
    }

    /// The file of that name in a log that `user` may read.
    pub(crate) async fn file(
        &self,
        user: UserName,
        log: Address,
        query: FileQuery,
    ) -> Result<Result<File, Refusal>, StoreError> {
        self.read(move |snapshot| {
            if let Err(refusal) = permit(snapshot, &user, Act::Read(&log))? {
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

    /// Whether `user` may send a file to `to`, and how many bytes the user's files have so far. The
    /// transaction that sends the file's message checks again.
    pub(crate) async fn may_upload(
        &self,
        user: UserName,
        to: Address,
    ) -> Result<Result<u64, Refusal>, StoreError> {
        self.read(move |snapshot| {
            let allowed = permit(snapshot, &user, Act::Write(&to))?;
            let key = tables::name(user.as_str());
            let used = tables::find(snapshot, tables::USAGE, key, "usage")?;
            Ok(allowed.map(|()| used.unwrap_or_default()))
        })
        .await
    }

    /// What is known of files in the upload folder, in the same order.
    pub(crate) async fn keeping(&self, names: Vec<StoredName>) -> Result<Vec<Keeping>, StoreError> {
        self.read(move |snapshot| {
            let table = snapshot.open_table(tables::STORED_FILES)?;
            let keeping = names.iter().map(|name| {
                let key = tables::name(name.as_str());
                let file: Option<StoredFile> = tables::lookup(&table, key, "stored file")?;
                Ok(file.map_or(Keeping::Unknown, |file| match file.expired {
                    None => Keeping::Kept,
                    Some(_) => Keeping::Expired,
                }))
            });
            keeping.collect()
        })
        .await
    }

    /// The file that the upload with this id stored when it came first.
    pub(crate) async fn earlier_upload(
        &self,
        user: UserName,
        id: ClientId,
    ) -> Result<Option<File>, StoreError> {
        self.read(move |snapshot| {
            let key = tables::request(&user, id);
            match tables::find(snapshot, tables::REQUESTS, &key, "request")? {
                Some(Effect::Message(log, sequence)) => match entry(snapshot, &log, sequence)?.body
                {
                    Body::File(file) => Ok(Some(file)),
                    Body::Text(_) | Body::ExpiredFile(_) => Ok(None),
                },
                _ => Ok(None),
            }
        })
        .await
    }
}

/// Whether a stored file was kept for as long as files are.
pub(super) fn has_expired(table: &CountedTable, name: &StoredName) -> Result<bool, StoreError> {
    let key = tables::name(name.as_str());
    let file: Option<StoredFile> = tables::lookup(table, key, "stored file")?;
    Ok(file.is_some_and(|file| file.expired.is_some()))
}

/// The files of a log under one of their names, at most one more than an answer can list.
fn candidates(
    snapshot: &Snapshot,
    log: &Address,
    name: &str,
) -> Result<Vec<(StoredName, Sequence)>, StoreError> {
    let start = tables::file(log, name, None);
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

/// The files of a log whose keys begin with `start`, after a key: as many as fill a page, and as are among so
/// many rows as a page has. So a question takes no longer if the rows are copies, of which it lists none.
fn files_from(
    snapshot: &Snapshot,
    log: &Address,
    (start, after): (&[u8], Option<&[u8]>),
) -> Result<Files, StoreError> {
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
            // The key holds the path and the stored name. Length and digest come besides.
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

fn entry(snapshot: &Snapshot, log: &Address, sequence: Sequence) -> Result<Entry, StoreError> {
    entry_in(&snapshot.open_table(tables::ENTRIES)?, log, sequence)
}

fn entry_in(
    entries: &CountedTable,
    log: &Address,
    sequence: Sequence,
) -> Result<Entry, StoreError> {
    let found = tables::lookup(entries, &tables::entry(log, sequence), "message")?;
    found.ok_or(StoreError::Damaged("log"))
}
