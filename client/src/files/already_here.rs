//! Finds files of earlier downloads, so that none is fetched a second time.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use qchat_proto::{File, FolderPath};
use qchat_transfer::{BlockFile, Layout, hash_blocks};
use tokio::task::spawn_blocking;

use crate::files::local_file::open_at_once;

/// The number of names that a file may get: its own and numbered ones.
pub(crate) const NAMES_MAX: u32 = 10_000;

/// The path of the file below `top`, if it is there with all its bytes, under its name or a numbered one. No
/// symbolic link below `top` is followed. An unreadable file does not count.
///
/// # Cancel safety
/// Cancel safe.
pub async fn already_here(top: &Path, file: &File) -> Option<PathBuf> {
    let (top, file) = (top.to_owned(), file.clone());
    let find = move || find(&top, &file, |path| is_whole(path, &file).unwrap_or(false));
    spawn_blocking(find).await.unwrap_or(None)
}

/// The first of the possible paths of the file for which `is_it` is true.
pub(crate) fn find(top: &Path, file: &File, is_it: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let mut folder = top.to_owned();
    for name in file.original.folder().into_iter().flat_map(FolderPath::names) {
        folder.push(name);
        folder.symlink_metadata().ok().filter(std::fs::Metadata::is_dir)?;
    }
    let names = (0..NAMES_MAX).map(|copy| folder.join(file.original.name().numbered(copy)));
    let mut there = names.take_while(|path| path.symlink_metadata().is_ok());
    there.find(|path| is_it(path))
}

fn is_whole(path: &Path, file: &File) -> io::Result<bool> {
    let metadata = path.symlink_metadata()?;
    if !metadata.is_file() || metadata.len() != file.size {
        return Ok(false);
    }
    let (disk, layout) = (BlockFile::cached(open_at_once(path)?), Layout::of(file.size));
    let mut values = Vec::new();
    hash_blocks(&disk, layout, 0..layout.blocks(), &mut |_, value| {
        values.push(value);
        ControlFlow::Continue(())
    })?;
    Ok(qchat_transfer::file_digest(&values) == file.digest)
}
