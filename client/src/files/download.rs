//! Fetching a file, and resuming a download that was cut.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use qchat_proto::command::{FilesBelow, Log};
use qchat_proto::{File, FolderPath};
use qchat_transfer::{DiskPriority, FinishError, Layout, PartialFile};
use tokio::task::spawn_blocking;

use crate::client::Client;
use crate::commands::read_all;
use crate::error::{CallError, DamagedError, LocalFileReason};
use crate::files::already_here::{NAMES_MAX, already_here};
use crate::files::create_folders::make_below;
use crate::files::fetch_blocks::{Wanted, fetch};
use crate::files::free_space::{check_room, unwritable, unwritten};
use crate::files::missing_blocks::{Missing, block_list};
use crate::files::progress::Progress;

/// A file that has landed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Downloaded {
    /// The file as the server describes it.
    pub file: File,
    /// The path of the file on this machine.
    pub path: PathBuf,
    /// Whether the file was there before, and nothing was fetched.
    pub was_here: bool,
}

/// The most downloads of the same file at once, each with a partial file of its own.
const PARTS_MAX: u32 = 16;

/// The age after which a partial file is removed, since nobody resumes it.
const PART_AGE_MAX: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The mode of a finished file, less the process's umask: only its owner writes to it.
const MODE: u32 = 0o644;

impl Client {
    /// Fetches the file called `name`, by its stored name or its original one, into `folder`, which is
    /// made if it is missing. A file that was sent with folders lands below these in there; no symbolic
    /// link in their place is followed.
    ///
    /// The file appears when it is whole, checked and on the disk; it replaces no other file. Until then it
    /// is a partial file, whose name begins with `.part-`. The next call resumes it: blocks in it are
    /// checked, and only missing or wrong ones are fetched. If a file with the same bytes lies there
    /// already, nothing is fetched.
    ///
    /// # Errors
    /// [`CallError`]; [`CallError::LocalFile`] if the folder cannot be written to.
    ///
    /// # Cancel safety
    /// Cancel safe: the partial file stays, and the next call resumes it.
    pub async fn download(
        &self,
        log: Log,
        name: &str,
        folder: &Path,
        progress: Progress,
    ) -> Result<Downloaded, CallError> {
        let downloaded = download(self, log, name, folder, progress).await;
        self.connection().note_sign_out(&downloaded);
        downloaded
    }

    /// The files in a log that were sent with this folder or with folders below it, in the order of
    /// their paths; of the mailbox those that were sent to the user. Some may have expired.
    ///
    /// # Errors
    /// [`CallError`].
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn files_below(
        &self,
        log: &Log,
        folder: &FolderPath,
    ) -> Result<Vec<File>, CallError> {
        read_all(|after| async move {
            let (log, folder) = (log.clone(), folder.clone());
            let page = self.ask(FilesBelow { log, folder, after }).await?;
            Ok((page.files.into_vec(), page.next))
        })
        .await
    }
}

async fn download(
    client: &Client,
    log: Log,
    name: &str,
    top: &Path,
    mut progress: Progress,
) -> Result<Downloaded, CallError> {
    let (file, hashes) = block_list(client, &log, name).await?;
    if let Some(path) = already_here(top, &file).await {
        return Ok(Downloaded { file, path, was_here: true });
    }
    let layout = Layout::of(file.size);
    // Only now: a wrong name leaves no empty folder behind.
    let folder = &make_below(top, file.original.folder()).await?;
    let part = open_part(folder, &file).await?;
    check_room(&part, file.size, folder)?;
    progress.started(file.original.name().clone(), file.size);
    let missing = Missing::new(layout, hashes);
    let (mut part, mut missing) = check_part(part, missing, folder, &mut progress).await?;
    while let Some(blocks) = missing.runs() {
        let before = missing.count();
        let wanted = Wanted { log: &log, file: &file, blocks };
        (part, missing) =
            fetch(client.connection(), wanted, (part, missing), &mut progress).await?;
        if missing.count() == before {
            return Err(DamagedError::FileCut(file.name).into());
        }
    }
    let path = finish(part, &file, folder).await?;
    Ok(Downloaded { file, path, was_here: false })
}

/// Runs file access in the folder, or in a partial file in it, outside of the runtime's threads.
async fn blocking<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let owned = path.to_owned();
    spawn_blocking(move || work(&owned)).await.unwrap_or_else(|panic| Err(io::Error::other(panic)))
}

/// The partial file of an earlier download of this file, or a new one.
async fn open_part(folder: &Path, file: &File) -> Result<PartialFile, CallError> {
    let (name, layout) = (file.name.clone(), Layout::of(file.size));
    blocking(folder, move |folder| {
        remove_old_parts(folder)?;
        for number in 0..PARTS_MAX {
            let name = match number {
                0 => name.to_string(),
                _ => format!("{name}.{number}"),
            };
            if let Some(part) = PartialFile::open(folder, &name, MODE, &DiskPriority::default())? {
                part.truncate(layout)?;
                return Ok(part);
            }
        }
        Err(io::Error::other("this file is fetched too many times at once"))
    })
    .await
    .map_err(|error| unwritable(folder, error))
}

fn remove_old_parts(folder: &Path) -> io::Result<()> {
    for part in PartialFile::list(folder)? {
        let age = SystemTime::now().duration_since(part.touched).unwrap_or_default();
        if age > PART_AGE_MAX
            && let Some(part) =
                PartialFile::open(folder, &part.name, MODE, &DiskPriority::default())?
        {
            part.remove()?;
        }
    }
    Ok(())
}

/// Compares the blocks in the partial file with the list of hashes.
async fn check_part(
    part: PartialFile,
    missing: Missing,
    folder: &Path,
    progress: &mut Progress,
) -> Result<(PartialFile, Missing), CallError> {
    let (part, missing, damaged) = blocking(folder, move |_| {
        let (mut missing, mut damaged) = (missing, Vec::new());
        let layout = missing.layout();
        let whole = layout.whole_blocks(part.bytes()?);
        part.hash_blocks(layout, 0..whole, |index, hash| {
            if !missing.is_here(index, hash) {
                damaged.push(index);
            }
            ControlFlow::Continue(())
        })?;
        Ok((part, missing, damaged))
    })
    .await
    .map_err(|error| unwritable(folder, error))?;
    for block in damaged {
        progress.damaged(block);
    }
    progress.kept(missing.bytes_here());
    Ok((part, missing))
}

/// Gives the file the first free one of its names. The type of the name makes it one safe component.
async fn finish(part: PartialFile, file: &File, folder: &Path) -> Result<PathBuf, CallError> {
    let (original, is_executable) = (file.original.name().clone(), file.original.is_executable());
    let names = (0..NAMES_MAX).map(move |copy| original.numbered(copy));
    let place = part.location().to_owned();
    let landed = blocking(&place, move |_| {
        if is_executable {
            part.make_executable()?;
        }
        part.sync()?;
        Ok(part.finish(names))
    });
    match landed.await.map_err(|error| unwritten(&place, error))? {
        Ok(name) => Ok(folder.join(name)),
        Err(FinishError::NamesTaken) => {
            let reason = LocalFileReason::NamesTaken;
            Err(CallError::LocalFile { path: folder.to_owned(), reason })
        }
        Err(FinishError::Name(error) | FinishError::Folder(error)) => {
            Err(unwritable(folder, error))
        }
    }
}
