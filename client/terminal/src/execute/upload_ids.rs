//! The ids of unfinished uploads, so that the same line resumes them in another run of the client.
//!
//! Each upload has a note: a file, named by the upload's id, below the names of server and user. A client locks
//! the note while it works on the upload. So the same line, typed twice at once, sends two messages.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use qchat_client::{Address, UserName, private_file};
use qchat_proto::{ClientId, FolderPath};
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use crate::config::ServerNames;
use crate::lock::lock;

/// Longer than any note of this program.
const NOTE_BYTES_MAX: u64 = 64 * 1024;

/// After this time, nobody repeats the line.
const NOTE_AGE_MAX: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How many notes a user may have on one server.
const NOTES_MAX: usize = 1024;

/// The notes of one server.
#[derive(Debug, Clone)]
pub(crate) struct UnfinishedUploads {
    folder: PathBuf,
    server: ServerNames,
    answered: Option<AnsweredUploads>,
}

/// The notes of answered uploads whose line still waits in an outbox. If the client or the disk fails before
/// the line is removed there, the line runs again and has to find its note.
#[derive(Debug, Clone, Default)]
pub(crate) struct AnsweredUploads(Arc<Mutex<Vec<UploadNote>>>);

impl AnsweredUploads {
    /// Deletes the notes, because the line no longer waits. Waits for the disk.
    pub(crate) fn end(&self) {
        let notes = std::mem::take(&mut *self.notes());
        notes.into_iter().for_each(UploadNote::remove);
    }

    fn notes(&self) -> MutexGuard<'_, Vec<UploadNote>> {
        lock(&self.0)
    }
}

/// The properties of an upload and of its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct UploadFacts {
    to: Address,
    path: PathBuf,
    #[serde(default)]
    folder: Option<FolderPath>,
    size: u64,
    changed_seconds: i64,
    changed_nanoseconds: i64,
}

/// The locked note of an upload.
#[derive(Debug)]
pub(crate) struct UploadNote {
    /// The id of the upload on the server.
    pub(crate) id: ClientId,
    /// Whether the file has changed since the upload began.
    pub(crate) is_changed: bool,
    path: PathBuf,
    lock: File,
    answered: Option<AnsweredUploads>,
}

impl UnfinishedUploads {
    /// The notes of `server`, below `folder`.
    pub(crate) fn new(folder: PathBuf, server: ServerNames) -> Self {
        Self { folder, server, answered: None }
    }

    /// Keeps the notes of answered uploads in `answered`, until they are deleted there.
    pub(crate) fn keep_answered(self, answered: AnsweredUploads) -> Self {
        Self { answered: Some(answered), ..self }
    }

    /// Takes the note of an unfinished upload of this file to this receiver, or makes one with this id. `None`
    /// if the file cannot be read or no note can be written: then the upload cannot be resumed later.
    pub(crate) async fn take(
        &self,
        user: &UserName,
        (to, path, folder): (&Address, &Path, Option<&FolderPath>),
        id: ClientId,
    ) -> Option<UploadNote> {
        let (to, path, folder) = (to.clone(), path.to_owned(), folder.cloned());
        self.take_of(user, id, move || UploadFacts::of(to, &path, folder)).await
    }

    /// The same for a line with several files, which has this digest.
    pub(crate) async fn take_many(
        &self,
        user: &UserName,
        (to, digest): (&Address, String),
        id: ClientId,
    ) -> Option<UploadNote> {
        let to = to.clone();
        self.take_of(user, id, move || Ok(UploadFacts::of_many(to, digest))).await
    }

    async fn take_of(
        &self,
        user: &UserName,
        id: ClientId,
        facts: impl FnOnce() -> io::Result<UploadFacts> + Send + 'static,
    ) -> Option<UploadNote> {
        let folders = self.server.places(&self.folder, user);
        let taken = spawn_blocking(move || {
            let facts = facts()?;
            for folder in folders.iter().filter(|folder| folder.exists()) {
                if let Some(note) = find(folder, &facts)? {
                    return Ok(note);
                }
            }
            let folder = folders.first().ok_or(io::ErrorKind::NotFound)?;
            private_file::make_folder(folder)?;
            UploadNote::new(folder, id, &facts)
        });
        let note = taken.await.ok().and_then(io::Result::ok)?;
        Some(UploadNote { answered: self.answered.clone(), ..note })
    }
}

impl UploadFacts {
    fn of(to: Address, path: &Path, folder: Option<FolderPath>) -> io::Result<Self> {
        let path = path.canonicalize()?;
        let metadata = fs::metadata(&path)?;
        let (changed_seconds, changed_nanoseconds) = (metadata.mtime(), metadata.mtime_nsec());
        Ok(Self { to, path, folder, size: metadata.len(), changed_seconds, changed_nanoseconds })
    }

    /// A line with several files has only a digest, which is no absolute path. Each file is checked when it is
    /// sent.
    fn of_many(to: Address, digest: String) -> Self {
        let path = digest.into();
        Self { to, path, folder: None, size: 0, changed_seconds: 0, changed_nanoseconds: 0 }
    }

    /// Reads a note; `None` if it is damaged.
    fn read(note: &Path) -> Option<Self> {
        let mut text = String::new();
        File::open(note).ok()?.take(NOTE_BYTES_MAX).read_to_string(&mut text).ok()?;
        Self::understand(&text)
    }

    fn understand(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    fn is_same_upload(&self, other: &Self) -> bool {
        (&self.to, &self.path, &self.folder) == (&other.to, &other.path, &other.folder)
    }
}

/// Parses any bytes as a note, and as the name of one.
#[cfg(any(test, fuzzing))]
pub(crate) fn check_note(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Some(facts) = UploadFacts::understand(&text) {
        let again = serde_json::to_string(&facts).unwrap_or_default();
        assert_eq!(UploadFacts::understand(&again), Some(facts));
    }
    if let Some(id) = id_of(&text) {
        assert_eq!(hex(id), text);
    }
}

/// Finds an unlocked note of the same upload. Deletes old notes.
fn find(folder: &Path, facts: &UploadFacts) -> io::Result<Option<UploadNote>> {
    let mut count = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let Some(id) = path.file_name().and_then(|name| id_of(name.to_str()?)) else { continue };
        count += 1;
        let noted = UploadFacts::read(&path);
        match noted {
            Some(noted) if noted.is_same_upload(facts) => {
                if let Some(note) = UploadNote::lock(&path, id)? {
                    note.write(facts)?;
                    return Ok(Some(UploadNote { is_changed: noted != *facts, ..note }));
                }
            }
            _ => remove_old(&path, id)?,
        }
    }
    match count < NOTES_MAX {
        true => Ok(None),
        false => Err(io::Error::other("too many unfinished uploads")),
    }
}

fn remove_old(path: &Path, id: ClientId) -> io::Result<()> {
    let changed = fs::metadata(path).and_then(|metadata| metadata.modified());
    let age = changed.ok().and_then(|changed| SystemTime::now().duration_since(changed).ok());
    if age.is_some_and(|age| age > NOTE_AGE_MAX)
        && let Some(note) = UploadNote::lock(path, id)?
    {
        note.remove();
    }
    Ok(())
}

impl UploadNote {
    fn new(folder: &Path, id: ClientId, facts: &UploadFacts) -> io::Result<Self> {
        let note = Self::lock(&folder.join(hex(id)), id)?;
        let note = note.ok_or(io::ErrorKind::WouldBlock)?;
        note.write(facts)?;
        File::open(folder)?.sync_all()?;
        Ok(note)
    }

    /// Locks the note, and makes the file if it is missing. `None` if another client works on the upload, or
    /// has just deleted the note.
    fn lock(path: &Path, id: ClientId) -> io::Result<Option<Self>> {
        let lock = private_file::open_own(path)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Ok(None),
            Err(fs::TryLockError::Error(error)) => return Err(error),
        }
        let is_there = fs::metadata(path).is_ok_and(|there| {
            lock.metadata().is_ok_and(|open| (open.dev(), open.ino()) == (there.dev(), there.ino()))
        });
        let note = Self { id, is_changed: false, path: path.to_owned(), lock, answered: None };
        Ok(Some(note).filter(|_| is_there))
    }

    fn write(&self, facts: &UploadFacts) -> io::Result<()> {
        let mut file = &self.lock;
        let text = serde_json::to_vec(facts)?;
        file.set_len(0)?;
        io::Seek::rewind(&mut file)?;
        file.write_all(&text)?;
        file.sync_all()
    }

    /// The upload was answered. From now on the same line is a new upload, or as soon as it no longer waits in
    /// an outbox.
    pub(crate) async fn end(mut self) {
        match self.answered.take() {
            Some(answered) => answered.notes().push(self),
            None => self.forget().await,
        }
    }

    /// Deletes the note: from now on the same line is a new upload.
    pub(crate) async fn forget(self) {
        // If that fails, the next upload gets this one's answer.
        let _ = spawn_blocking(move || self.remove()).await;
    }

    fn remove(self) {
        let _ = fs::remove_file(&self.path);
    }
}

fn hex(id: ClientId) -> String {
    id.0.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The id of a note's name.
fn id_of(name: &str) -> Option<ClientId> {
    let id = u128::from_str_radix(name, 16).ok().map(|id| ClientId(id.to_be_bytes()))?;
    (hex(id) == name).then_some(id)
}

#[cfg(test)]
mod tests;
