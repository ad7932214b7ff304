//! A disk of its own that is small enough to be filled.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;
use tempfile::TempDir;

/// A file system in memory, of a size that it cannot exceed.
pub(crate) struct SmallDisk {
    /// Emptied before it goes.
    folder: TempDir,
    /// What of it appears elsewhere.
    lent: Option<PathBuf>,
}

impl SmallDisk {
    /// Mounts one. Says why, where the system does not let us: only root may.
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

    /// Moves a file here, which goes on to be found where it was: there nobody sees how full this disk is.
    pub(crate) fn lend(&mut self, file: &Path) {
        let here = self.path("lent");
        std::fs::copy(file, &here).unwrap();
        let bound = Command::new("mount").arg("--bind").args([&*here, file]).status().unwrap();
        assert!(bound.success(), "{}", file.display());
        self.lent = Some(file.to_owned());
    }

    /// What is free, in bytes.
    pub(crate) fn free(&self) -> u64 {
        let system = rustix::fs::statvfs(self.folder.path()).unwrap();
        system.f_bavail * system.f_frsize
    }

    /// A stranger's file that takes no room yet.
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
        // The folder that it was in could not go before.
        for folder in self.lent.iter().flat_map(|lent| lent.ancestors().skip(1).take(2)) {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

/// A file that is in the way. Dropping it makes room.
pub(crate) struct Filler<'disk> {
    disk: &'disk SmallDisk,
    file: File,
    path: PathBuf,
}

impl Filler<'_> {
    /// Takes all room, at once: faster than anybody can look.
    pub(crate) fn take_all(&self) {
        let mut piece = self.disk.free();
        while piece > 0 {
            let size = self.file.metadata().unwrap().len();
            match fallocate(&self.file, FallocateFlags::empty(), size, piece) {
                Ok(()) => {}
                // Whoever else writes was faster.
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
