//! Acknowledged messages: their cursors go to the disk first, then they are marked as read.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use qchat_proto::{MessageId, Refusal};
use tokio::sync::Notify;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::client::Client;
use crate::error::CallError;
use crate::follower::cursor_file::{CursorFile, CursorFileError};
use crate::follower::error::FollowError;
use crate::follower::log_positions::LogPositions;
use crate::follower::options::Cursors;
use crate::lock::lock;

/// The most messages that may wait to be acknowledged.
const IN_FLIGHT_MAX: usize = 1024;

/// The pause of marking while the server's disk is full.
const FULL_PAUSE: Duration = Duration::from_secs(10);

/// The state that a follower shares with its task.
pub(crate) struct Acknowledgements {
    positions: Mutex<LogPositions>,
    file: Option<Mutex<CursorFile>>,
    /// The cursors may have moved.
    moved: Notify,
    /// A message was acknowledged.
    acknowledged: Notify,
    /// The cursors are on the disk, so acknowledged messages may be marked.
    saved: Notify,
}

impl Acknowledgements {
    pub(crate) fn new(cursors: Cursors) -> Self {
        let (cursors, file) = match cursors {
            Cursors::Given(cursors) => (cursors, None),
            Cursors::File(file) => (file.cursors().to_vec(), Some(Mutex::new(file))),
        };
        Self {
            positions: Mutex::new(LogPositions::from(&cursors)),
            file,
            moved: Notify::new(),
            acknowledged: Notify::new(),
            saved: Notify::new(),
        }
    }

    pub(crate) fn positions(&self) -> MutexGuard<'_, LogPositions> {
        lock(&self.positions)
    }

    /// Notes that the cursors may have moved.
    pub(crate) fn note_move(&self) {
        self.moved.notify_one();
    }

    pub(crate) fn acknowledge(&self, id: &MessageId) -> bool {
        let was_open = self.positions().acknowledge(id);
        if was_open {
            self.note_move();
            self.acknowledged.notify_one();
        }
        was_open
    }

    /// Waits until another message may be returned.
    pub(crate) async fn has_room(&self) {
        while self.positions().in_flight() >= IN_FLIGHT_MAX {
            self.acknowledged.notified().await;
        }
    }

    /// Writes the cursors to the disk. They are read only when the file is locked, so that no older ones
    /// replace newer ones.
    pub(crate) async fn save(self: &Arc<Self>) -> Result<(), CursorFileError> {
        let shared = Arc::clone(self);
        let saving = spawn_blocking(move || match &shared.file {
            Some(file) => {
                let mut file = lock(file);
                let cursors = shared.positions().cursors();
                file.save(cursors)
            }
            None => Ok(()),
        });
        // It does not panic, and is cancelled only when the runtime ends.
        saving.await.unwrap_or(Ok(()))
    }

    /// Saves the cursors whenever they move, until that fails.
    pub(crate) async fn save_moves(self: &Arc<Self>) -> CursorFileError {
        loop {
            self.moved.notified().await;
            if let Err(error) = self.save().await {
                return error;
            }
            self.saved.notify_one();
        }
    }

    /// Marks the acknowledged messages as read.
    pub(crate) async fn mark_all(&self, client: &Client) -> Result<(), CallError> {
        loop {
            let Some((log, sequences)) = self.positions().unmarked() else { return Ok(()) };
            match client.mark_sequences(&log, sequences.clone()).await {
                // A user who has left the group has nothing to mark there.
                Ok(()) | Err(CallError::Refused(Refusal::NotAMember(_))) => {}
                Err(error) => return Err(error),
            }
            self.positions().note_marked(&log, &sequences);
        }
    }

    /// Marks acknowledged messages as read whenever cursors are saved, until the connection is lost.
    pub(crate) async fn mark_saved(&self, client: &Client) -> FollowError {
        loop {
            match self.mark_all(client).await {
                Ok(()) => self.saved.notified().await,
                // Messages go on coming. The marking is repeated when the server's disk has room.
                Err(CallError::Refused(Refusal::ServerFull { .. })) => sleep(FULL_PAUSE).await,
                Err(error) => return error.into(),
            }
        }
    }
}
