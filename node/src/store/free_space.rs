//! Stops changes before the disk is full.
//!
//! A full disk fails in the middle of a commit, and nobody knows then what became of the change. So what
//! would fill it is refused early, and what makes room, or lets people read, goes on for longer.

use std::path::{Path, PathBuf};

use qchat_proto::Refusal;

use crate::fs::free_bytes;

/// What is kept free of new messages, accounts and groups, in bytes: more than any batch of changes takes, so
/// that only what others write meanwhile can fill the disk within one.
const FLOOR: u64 = 8 * 1024 * 1024;

/// What is kept free of everything else.
const FLOOR_OF_SMALL: u64 = 2 * 1024 * 1024;

/// The room on the disk of a store.
#[derive(Debug)]
pub(super) struct FreeSpace {
    folder: Option<PathBuf>,
}

impl FreeSpace {
    pub(super) fn in_folder(folder: &Path) -> Self {
        Self { folder: Some(folder.to_owned()) }
    }

    /// As if no disk were ever full.
    #[cfg(any(test, fuzzing))]
    pub(super) fn boundless() -> Self {
        Self { folder: None }
    }

    /// Looks at the disk, for the changes of one batch.
    pub(super) fn now(&self) -> FreeSpaceNow {
        // A disk that does not say is left to say it when it is written to.
        let free = self.folder.as_deref().map(free_bytes).and_then(Result::ok);
        free.map_or(FreeSpaceNow::boundless(), |free| FreeSpaceNow { free })
    }
}

/// The room that there was a moment ago.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FreeSpaceNow {
    free: u64,
}

impl FreeSpaceNow {
    /// As if no disk were ever full.
    pub(super) fn boundless() -> Self {
        Self { free: u64::MAX }
    }

    /// Admits what stays: a message, an account, a group. Asked within the change, so that the
    /// repetition of one that was made gets its first answer.
    ///
    /// # Errors
    /// [`Refusal::ServerFull`].
    pub(super) fn admit_growth(self) -> Result<(), Refusal> {
        self.admit(FLOOR)
    }

    /// Admits any change at all.
    ///
    /// # Errors
    /// [`Refusal::ServerFull`].
    pub(super) fn admit_anything(self) -> Result<(), Refusal> {
        self.admit(FLOOR_OF_SMALL)
    }

    /// What a change is told that met a full disk all the same: nothing is free for it.
    pub(super) fn found_full() -> Refusal {
        Refusal::ServerFull { free: 0, floor: FLOOR }
    }

    fn admit(self, floor: u64) -> Result<(), Refusal> {
        let Self { free } = self;
        if free < floor { Err(Refusal::ServerFull { free, floor }) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_changes_go_on_for_longer() {
        let room = FreeSpaceNow { free: FLOOR - 1 };
        assert_eq!(room.admit_anything(), Ok(()));
        let full = Refusal::ServerFull { free: FLOOR - 1, floor: FLOOR };
        assert_eq!(room.admit_growth(), Err(full));
        assert!(FreeSpaceNow { free: FLOOR_OF_SMALL - 1 }.admit_anything().is_err());
        assert_eq!(FreeSpace::boundless().now().admit_growth(), Ok(()));
    }
}
