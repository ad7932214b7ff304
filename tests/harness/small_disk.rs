//! A file system that is small enough to be filled.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;
use tempfile::TempDir;

/// A tmpfs of fixed size.
pub(crate) struct SmallDisk {
    /// The mount point. It is unmounted before the folder is removed.
    folder: TempDir,
    /// A file elsewhere that a bind mount keeps on this disk.
    lent: Option<PathBuf>,
}

impl SmallDisk {
    /// Mounts the file system. Without permission, which only root has, prints the reason.
    pub(crate) fn mount(bytes: u64) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={bytes}");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "qchat-test"]).arg(folder.path());
        match mount.output() {
            Ok(done) if done.status.success() => return Some(Self { folder, lent: None }),
            Ok(done) => println!("SKIPPED: {}", String::from_utf8_lossy(&done.stderr).trim()),
            Err(error) => println!("SKIPPED: mount does not run: {error}"),
        }
        None
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Moves a file here by a bind mount, which keeps its path. `statvfs` on its folder does not show this disk.
    pub(crate) fn lend(&mut self, file: &Path) {
        let here = self.path("lent");
        std::fs::copy(file, &here).unwrap();
        let bound = Command::new("mount").arg("--bind").args([&*here, file]).status().unwrap();
        assert!(bound.success(), "{}", file.display());
        self.lent = Some(file.to_owned());
    }

    /// The free space, in bytes.
    pub(crate) fn free(&self) -> u64 {
        let system = rustix::fs::statvfs(self.folder.path()).unwrap();
        system.f_bavail * system.f_frsize
    }

    /// An empty file that can fill the disk.
    pub(crate) fn filler(&self) -> Filler<'_> {
        let path = self.path("filler");
        let file = File::create_new(&path).unwrap();
        Filler { disk: self, file, path }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        for path in self.lent.as_deref().into_iter().chain([self.folder.path()]) {
            let unmounted = Command::new("umount").arg("--lazy").arg(path).status();
            if !unmounted.is_ok_and(|status| status.success()) {
                println!("{} stays mounted", path.display());
            }
        }
        // A mount point cannot be removed, so the folder around it still exists.
        for folder in self.lent.iter().flat_map(|lent| lent.ancestors().skip(1).take(2)) {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

/// A file that fills the disk. Dropping this value removes the file.
pub(crate) struct Filler<'disk> {
    disk: &'disk SmallDisk,
    file: File,
    path: PathBuf,
}

impl Filler<'_> {
    /// Allocates all free space in one call, faster than a check of the free space can notice.
    pub(crate) fn take_all(&self) {
        let mut piece = self.disk.free();
        while piece > 0 {
            let size = self.file.metadata().unwrap().len();
            match fallocate(&self.file, FallocateFlags::empty(), size, piece) {
                Ok(()) => {}
                // Another process has taken space in the meantime.
                Err(Errno::NOSPC) => piece /= 2,
                Err(error) => panic!("filling the disk: {error}"),
            }
        }
    }
}

impl Drop for Filler<'_> {
    fn drop(&mut self) {
        std::fs::remove_file(&self.path).unwrap();
    }
}
