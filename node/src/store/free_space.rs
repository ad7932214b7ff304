//! Refuses changes before the disk is full.
//!
//! A full disk fails in the middle of a commit, and the outcome of the change is unknown. So changes that add
//! data are refused early. Changes that remove data, and those that reading needs, are refused later.

use std::path::{Path, PathBuf};

use qchat_proto::Refusal;

use crate::fs::free_bytes;

/// The bytes that new messages, accounts and groups must leave free. This is more than any batch of changes
/// takes, so that only other programs can fill the disk during a batch.
const FLOOR: u64 = 8 * 1024 * 1024;

/// The bytes that all other changes must leave free.
const FLOOR_OF_SMALL: u64 = 2 * 1024 * 1024;

/// The free space on the disk of a store.
#[derive(Debug)]
pub(super) struct FreeSpace {
    folder: Option<PathBuf>,
}

impl FreeSpace {
    pub(super) fn in_folder(folder: &Path) -> Self {
        Self { folder: Some(folder.to_owned()) }
    }

    /// As if the disk had unlimited free space.
    #[cfg(any(test, fuzzing))]
    pub(super) fn unlimited() -> Self {
        Self { folder: None }
    }

    /// Asks the file system, once for each batch.
    pub(super) fn now(&self) -> FreeSpaceNow {
        // If the file system does not answer, a write will report the full disk.
        let free = self.folder.as_deref().map(free_bytes).and_then(Result::ok);
        free.map_or(FreeSpaceNow::unlimited(), |free| FreeSpaceNow { free })
    }
}

/// The free bytes at the start of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FreeSpaceNow {
    free: u64,
}

impl FreeSpaceNow {
    /// As if the disk had unlimited free space.
    pub(super) fn unlimited() -> Self {
        Self { free: u64::MAX }
    }

    /// Admits a message, an account or a group. The change itself calls this, after it has looked for an
    /// earlier effect: a repetition gets its first answer also on a full disk.
    ///
    /// # Errors
    /// [`Refusal::ServerFull`].
    pub(super) fn admit_growth(self) -> Result<(), Refusal> {
        self.admit(FLOOR)
    }

    /// Admits any change.
    ///
    /// # Errors
    /// [`Refusal::ServerFull`].
    pub(super) fn admit_anything(self) -> Result<(), Refusal> {
        self.admit(FLOOR_OF_SMALL)
    }

    fn admit(self, floor: u64) -> Result<(), Refusal> {
        let Self { free } = self;
        if free < floor { Err(Refusal::ServerFull { free, floor }) } else { Ok(()) }
    }
}

/// The refusal for a command whose write found the disk full.
pub(crate) fn full_disk_refusal() -> Refusal {
    Refusal::ServerFull { free: 0, floor: FLOOR }
}

#[cfg(test)]
mod tests;
