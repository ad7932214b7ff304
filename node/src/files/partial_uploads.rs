//! The uploads that are not complete: who has which under way, and what they take.
//!
//! An upload's part outlives its connection and the server. At any time one transfer has it at the most: a
//! newer one with the same id, whose client has lost the older one's connection, takes it over.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use data_encoding::HEXLOWER;
use qchat_proto::{ClientId, Refusal, UserName};
use qchat_transfer::PartialFile;
use tokio::sync::{Mutex as Queue, OwnedMutexGuard};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::error::CommandError;
use crate::fs::blocking;
use crate::fs::free_bytes;

/// How many unfinished uploads one user may have. The oldest that rests goes for a new one.
const PARTS_OF_USER_MAX: usize = 32;

/// How long a transfer that was taken over may take to let go.
const TURN_TIME_MAX: Duration = Duration::from_secs(30);

/// An upload as its sender's client names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct PartKey {
    pub(crate) user: UserName,
    pub(crate) id: ClientId,
}

impl PartKey {
    /// The key of a part file's name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let (id, user) = name.split_once('-')?;
        let id = HEXLOWER.decode(id.as_bytes()).ok()?.try_into().ok()?;
        Some(Self { user: user.parse().ok()?, id: ClientId(id) })
    }
}

/// The part file's name.
impl fmt::Display for PartKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", HEXLOWER.encode(&self.id.0), self.user)
    }
}

/// All of them. Clones are handles on the same.
#[derive(Debug, Clone)]
pub(crate) struct PartialUploads {
    folder: PathBuf,
    places: Arc<Mutex<HashMap<PartKey, PartialUpload>>>,
}

/// One upload: a part that rests, or a transfer under way.
#[derive(Debug)]
struct PartialUpload {
    /// What it takes of its sender's quota.
    bytes: u64,
    touched: SystemTime,
    queue: Arc<Queue<()>>,
    /// Tells whoever came last that somebody came after them.
    superseded: CancellationToken,
}

impl PartialUpload {
    /// Whether no transfer has it or waits for it: each holds the queue.
    fn rests(&self) -> bool {
        Arc::strong_count(&self.queue) == 1
    }
}

/// A transfer's hold on its part. What the part takes then is counted until it is gone.
#[derive(Debug)]
pub(crate) struct UploadTurn {
    parts: PartialUploads,
    key: PartKey,
    /// Somebody else wants to go on with this upload.
    pub(crate) superseded: CancellationToken,
    _guard: OwnedMutexGuard<()>,
}

impl PartialUploads {
    /// Those in `folder`. None is known yet.
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), places: Arc::default() }
    }

    /// Takes the part's turn, from a transfer that has it if need be.
    ///
    /// # Errors
    /// [`Refusal::Busy`], where the user has too many uploads under way or the other transfer does not
    /// let go; [`Refusal::TransferFailed`], where somebody else came meanwhile. A fault, where a part that
    /// is one too many cannot be removed.
    pub(crate) async fn take(&self, key: PartKey) -> Result<UploadTurn, CommandError> {
        while self.is_one_too_many(&key) {
            let victim = self.oldest_at_rest(&key).ok_or(Refusal::Busy)?;
            victim.remove().await.map_err(CommandError::failed)?;
        }
        let (queue, superseded) = self.line_up(&key);
        let turn = timeout(TURN_TIME_MAX, queue.lock_owned()).await;
        let guard = turn.map_err(|_| Refusal::Busy)?;
        let turn = UploadTurn { parts: self.clone(), key, superseded, _guard: guard };
        match turn.superseded.is_cancelled() {
            true => Err(Refusal::TransferFailed.into()),
            false => Ok(turn),
        }
    }

    /// The same for a part that rests; `None` where it does not.
    pub(crate) fn take_resting(&self, key: PartKey) -> Option<UploadTurn> {
        let mut places = self.places();
        let place = places.entry(key.clone()).or_insert_with(PartialUpload::new);
        Self::hold(self, key, place)
    }

    fn hold(parts: &Self, key: PartKey, place: &PartialUpload) -> Option<UploadTurn> {
        let guard = Arc::clone(&place.queue).try_lock_owned().ok()?;
        let superseded = place.superseded.clone();
        Some(UploadTurn { parts: parts.clone(), key, superseded, _guard: guard })
    }

    fn line_up(&self, key: &PartKey) -> (Arc<Queue<()>>, CancellationToken) {
        let mut places = self.places();
        let place = places.entry(key.clone()).or_insert_with(PartialUpload::new);
        place.superseded.cancel();
        place.superseded = CancellationToken::new();
        (Arc::clone(&place.queue), place.superseded.clone())
    }

    fn is_one_too_many(&self, key: &PartKey) -> bool {
        let places = self.places();
        let of_user = places.keys().filter(|other| other.user == key.user);
        !places.contains_key(key) && of_user.count() >= PARTS_OF_USER_MAX
    }

    /// The part of the same user that rests for the longest time.
    fn oldest_at_rest(&self, key: &PartKey) -> Option<UploadTurn> {
        let places = self.places();
        let resting = places
            .iter()
            .filter(|(other, place)| other.user == key.user && *other != key && place.rests());
        let (key, place) = resting.min_by_key(|(_, place)| place.touched)?;
        Self::hold(self, key.clone(), place)
    }

    /// How many bytes of the uploads on their way have not come yet.
    fn missing_of_others(&self, key: &PartKey) -> u64 {
        let on_their_way: Vec<_> = {
            let places = self.places();
            let others = places.iter().filter(|(other, place)| *other != key && !place.rests());
            others.map(|(other, place)| (other.to_string(), place.bytes)).collect()
        };
        let missing = on_their_way.into_iter().map(|(name, bytes)| {
            bytes.saturating_sub(bytes_of(&PartialFile::path(&self.folder, &name)))
        });
        missing.fold(0, u64::saturating_add)
    }

    fn places(&self) -> MutexGuard<'_, HashMap<PartKey, PartialUpload>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The length of a file; 0 where there is none.
fn bytes_of(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |file| file.len())
}

impl PartialUpload {
    fn new() -> Self {
        Self {
            bytes: 0,
            touched: SystemTime::now(),
            queue: Arc::default(),
            superseded: CancellationToken::new(),
        }
    }
}

impl UploadTurn {
    /// Whose upload it is.
    pub(crate) fn key(&self) -> &PartKey {
        &self.key
    }

    /// Where the part lies, if there is one.
    pub(crate) fn path(&self) -> PathBuf {
        PartialFile::path(&self.parts.folder, &self.key.to_string())
    }

    /// Reserves room for the whole file of `size` bytes of a user whose finished files have `used`
    /// bytes. What rests of the user's other uploads counts too, and gives way: oldest first, and only
    /// where that makes the room.
    ///
    /// # Errors
    /// [`Refusal::QuotaExceeded`]. A fault, where what is to give way cannot be removed.
    pub(crate) async fn reserve(
        &self,
        size: u64,
        used: u64,
        quota: Option<u64>,
    ) -> Result<(), CommandError> {
        let quota = quota.unwrap_or(u64::MAX);
        loop {
            let victim = {
                let mut places = self.parts.places();
                let (travelling, resting) = self.others(&places);
                let used = used.saturating_add(travelling);
                if used.saturating_add(size) > quota {
                    let used = used.saturating_add(resting);
                    return Err(Refusal::QuotaExceeded { size, used, quota }.into());
                }
                if used.saturating_add(resting).saturating_add(size) <= quota {
                    if let Some(place) = places.get_mut(&self.key) {
                        place.bytes = size;
                    }
                    return Ok(());
                }
                drop(places);
                self.parts.oldest_at_rest(&self.key)
            };
            // Where none rests any more, what rested travels now, and counts as that.
            if let Some(victim) = victim {
                tracing::info!(part = %victim.key, "an unfinished upload gives way to a new one");
                victim.remove().await.map_err(CommandError::failed)?;
            }
        }
    }

    /// Checks that the disk has room for what is missing of this file of `size` bytes, beside what is
    /// missing of the others that are on their way, and that `floor` bytes stay free. Called after
    /// [`reserve`](Self::reserve): of two that come at once each sees the other.
    ///
    /// # Errors
    /// [`Refusal::NoRoomForFile`].
    pub(crate) async fn check_disk(&self, size: u64, floor: u64) -> Result<(), Refusal> {
        let (parts, key, path) = (self.parts.clone(), self.key.clone(), self.path());
        let room = blocking(move || {
            let free = free_bytes(&parts.folder)?;
            Ok((free.saturating_sub(parts.missing_of_others(&key)), bytes_of(&path)))
        });
        // A disk that does not say is left to say it when it is written to.
        let Ok((free, here)) = room.await else { return Ok(()) };
        match free < size.saturating_sub(here).saturating_add(floor) {
            true => Err(Refusal::NoRoomForFile { size, free, floor }),
            false => Ok(()),
        }
    }

    /// What the user's other uploads take: those under way, and those that rest.
    fn others(&self, places: &HashMap<PartKey, PartialUpload>) -> (u64, u64) {
        let others =
            places.iter().filter(|(key, _)| key.user == self.key.user && **key != self.key);
        others.fold((0, 0), |(travelling, resting), (_, place)| match place.rests() {
            true => (travelling, u64::saturating_add(resting, place.bytes)),
            false => (u64::saturating_add(travelling, place.bytes), resting),
        })
    }

    /// Removes the part, for good order: where it stays, it still counts for what it takes.
    pub(crate) async fn discard(self) {
        let key = self.key.clone();
        if let Err(error) = self.remove().await {
            tracing::warn!(part = %key, %error, "an unfinished upload cannot be removed");
        }
    }

    /// Removes the part, and has it counted no more.
    async fn remove(self) -> io::Result<()> {
        let path = self.path();
        match blocking(move || std::fs::remove_file(path)).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }
}

/// From now on the part counts for what lies there.
impl Drop for UploadTurn {
    fn drop(&mut self) {
        let there = std::fs::metadata(self.path());
        let mut places = self.parts.places();
        let Some(place) = places.get_mut(&self.key) else { return };
        // Ours is the second handle on the queue; a third waits for its turn.
        let is_last = Arc::strong_count(&place.queue) == 2;
        match there {
            Ok(there) => {
                place.bytes = there.len();
                place.touched = there.modified().unwrap_or(place.touched);
            }
            Err(_) if is_last => drop(places.remove(&self.key)),
            Err(_) => place.bytes = 0,
        }
    }
}

#[cfg(test)]
mod tests;
