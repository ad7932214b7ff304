//! Fetching a file, and going on with one that was cut.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use qchat_proto::File;
use qchat_proto::command::Log;
use qchat_transfer::{DiskPriority, FinishError, Layout, PartialFile};
use tokio::task::spawn_blocking;

use crate::connection::Link;
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
    /// What the server tells of it.
    pub file: File,
    /// Where it is.
    pub path: PathBuf,
    /// Whether it lay there before, and nothing was fetched.
    pub was_here: bool,
}

/// How many downloads of the same file may run at once, each with a part of its own.
const PARTS_MAX: u32 = 16;

/// After this long nobody will go on with a part.
const PART_AGE_MAX: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// What a finished file may be read by, less the process's umask. Nobody but its owner writes to it.
const MODE: u32 = 0o644;

pub(crate) async fn download(
    link: &Link,
    log: Log,
    name: &str,
    top: &Path,
    mut progress: Progress,
) -> Result<Downloaded, CallError> {
    let (file, values) = block_list(link, &log, name).await?;
    if let Some(path) = already_here(top, &file).await {
        return Ok(Downloaded { file, path, was_here: true });
    }
    let layout = Layout::of(file.size);
    // Only now: a wrong name leaves no empty folder behind.
    let folder = &make_below(top, file.original.folder()).await?;
    let part = open_part(folder, &file).await?;
    check_room(&part, file.size, folder)?;
    progress.started(file.original.name().clone(), file.size);
    let missing = Missing::new(layout, values);
    let (mut part, mut missing) = look(part, missing, folder, &mut progress).await?;
    while let Some(blocks) = missing.runs() {
        let before = missing.count();
        let wanted = Wanted { log: &log, file: &file, blocks };
        (part, missing) = fetch(link, wanted, (part, missing), &mut progress).await?;
        if missing.count() == before {
            return Err(DamagedError::FileCut(file.name).into());
        }
    }
    let path = finish(part, &file, folder).await?;
    Ok(Downloaded { file, path, was_here: false })
}

/// Works on the folder, or on a part in it, beside the runtime's threads.
async fn blocking<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let owned = path.to_owned();
    spawn_blocking(move || work(&owned)).await.unwrap_or_else(|panic| Err(io::Error::other(panic)))
}

/// What an earlier try has left of this file, or a new part.
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

/// Checks what lies in the part against the list.
async fn look(
    part: PartialFile,
    missing: Missing,
    folder: &Path,
    progress: &mut Progress,
) -> Result<(PartialFile, Missing), CallError> {
    let (part, missing, damaged) = blocking(folder, move |_| {
        let (mut missing, mut damaged) = (missing, Vec::new());
        let layout = missing.layout();
        let whole = layout.whole_blocks(part.bytes()?);
        part.hash_blocks(layout, 0..whole, |index, value| {
            if !missing.is_here(index, value) {
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

/// Gives the file the first of its names that is free. The name is one safe component by its type.
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
