//! What was handed on and acknowledged: kept on the disk first, then marked as read.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use qchat_proto::{MessageId, Refusal};
use tokio::sync::Notify;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::client::Client;
use crate::commands::mark_places;
use crate::error::CallError;
use crate::follower::cursor_file::{CursorFile, CursorFileError};
use crate::follower::handle::{Cursors, FollowError};
use crate::follower::positions::Handover;

/// How many messages may wait to be acknowledged.
const IN_FLIGHT_MAX: usize = 1024;

/// How long marking waits where the server's disk is full.
const FULL_PAUSE: Duration = Duration::from_secs(10);

/// What the task and its owner have in common.
pub(crate) struct Keeper {
    handover: Mutex<Handover>,
    file: Option<Mutex<CursorFile>>,
    /// The cursors may have moved.
    moved: Notify,
    /// A message was acknowledged.
    room: Notify,
    /// The cursors are kept; what was acknowledged may be marked.
    kept: Notify,
}

impl Keeper {
    pub(crate) fn new(cursors: Cursors) -> Self {
        let (cursors, file) = match cursors {
            Cursors::Given(cursors) => (cursors, None),
            Cursors::File(file) => (file.cursors().to_vec(), Some(Mutex::new(file))),
        };
        Self {
            handover: Mutex::new(Handover::from(&cursors)),
            file,
            moved: Notify::new(),
            room: Notify::new(),
            kept: Notify::new(),
        }
    }

    pub(crate) fn handover(&self) -> MutexGuard<'_, Handover> {
        self.handover.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that the cursors may have moved.
    pub(crate) fn moved(&self) {
        self.moved.notify_one();
    }

    pub(crate) fn acknowledge(&self, id: &MessageId) -> bool {
        let waited_for = self.handover().acknowledge(id);
        if waited_for {
            self.moved();
            self.room.notify_one();
        }
        waited_for
    }

    /// Waits until fewer messages wait to be acknowledged than may.
    pub(crate) async fn has_room(&self) {
        while self.handover().in_flight() >= IN_FLIGHT_MAX {
            self.room.notified().await;
        }
    }

    /// Writes the cursors as they are when its turn has come, so that no older ones replace newer.
    pub(crate) async fn save(self: &Arc<Self>) -> Result<(), CursorFileError> {
        let keeper = Arc::clone(self);
        let saving = spawn_blocking(move || match &keeper.file {
            Some(file) => {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                let cursors = keeper.handover().cursors();
                file.save(cursors)
            }
            None => Ok(()),
        });
        // It does not panic, and is not run any more only when the runtime ends.
        saving.await.unwrap_or(Ok(()))
    }

    /// Keeps the cursors whenever they move.
    pub(crate) async fn keep(self: &Arc<Self>) -> CursorFileError {
        loop {
            self.moved.notified().await;
            if let Err(error) = self.save().await {
                return error;
            }
            self.kept.notify_one();
        }
    }

    /// Marks as read what was acknowledged.
    pub(crate) async fn mark_all(&self, client: &Client) -> Result<(), CallError> {
        loop {
            let Some((log, places)) = self.handover().unmarked() else { return Ok(()) };
            match mark_places(&client.link, &log, places.clone()).await {
                // Who is no member any more has nothing to mark there.
                Ok(()) | Err(CallError::Refused(Refusal::NotAMember(_))) => {}
                Err(error) => return Err(error),
            }
            self.handover().marked(&log, &places);
        }
    }

    /// The same whenever something was, until the link is lost.
    pub(crate) async fn mark(&self, client: &Client) -> FollowError {
        loop {
            match self.mark_all(client).await {
                Ok(()) => self.kept.notified().await,
                // Messages come all the same, and what was acknowledged is marked when there is room.
                Err(CallError::Refused(Refusal::ServerFull { .. })) => sleep(FULL_PAUSE).await,
                Err(error) => return error.into(),
            }
        }
    }
}
