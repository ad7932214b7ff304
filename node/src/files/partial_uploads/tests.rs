//! Takeover and quota of partial uploads.

use std::path::{Path, PathBuf};

use qchat_proto::ClientId;
use qchat_transfer::{DiskPriority, PartialFile};

use super::*;
use crate::error::CommandError;
use crate::files::folder::UploadFolder;

/// A store without messages.
pub(crate) struct NoMessage;

impl UploadMessages for NoMessage {
    async fn has_message(&self, _: &UploadKey) -> io::Result<bool> {
        Ok(false)
    }
}

/// The partial uploads in a folder, beside which the block lists are.
fn uploads_in(path: &Path) -> PartialUploads {
    let folder = UploadFolder::open(path, &path.join("data"), &DiskPriority::default());
    PartialUploads::of(Storage::Folder(folder.unwrap()))
}

fn folder(uploads: &PartialUploads) -> &UploadFolder {
    match &uploads.storage {
        Storage::Folder(folder) => folder,
        #[cfg(feature = "cluster")]
        Storage::Objects(_) => panic!("no folder"),
    }
}

fn path(guard: &UploadGuard) -> PathBuf {
    folder(&guard.uploads).partial_path(&guard.key)
}

fn key(user: &str, id: u8) -> UploadKey {
    UploadKey { user: user.parse().unwrap(), id: ClientId([id; 16]) }
}

/// Creates a resting upload of `bytes` bytes. The smaller its id, the longer it has rested.
async fn resting(uploads: &PartialUploads, user: &str, id: u8, bytes: usize) {
    let guard = uploads.acquire(key(user, id), &NoMessage).await.unwrap();
    std::fs::write(path(&guard), vec![0; bytes]).unwrap();
    let file = std::fs::File::options().write(true).open(path(&guard)).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(id.into())).unwrap();
}

fn refusal<T>(result: CommandResult<T>) -> Refusal {
    match result.map(drop) {
        Err(CommandError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

fn partial_files(uploads: &PartialUploads) -> Vec<String> {
    let mut names: Vec<_> = PartialFile::list(folder(uploads).path())
        .unwrap()
        .into_iter()
        .map(|part| part.name)
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_newer_transfer_takes_over_a_partial_upload() {
    let folder = tempfile::tempdir().unwrap();
    let uploads = uploads_in(folder.path());
    let first = uploads.acquire(key("alice", 1), &NoMessage).await.unwrap();
    let taking = acquiring(&uploads, key("alice", 1));
    first.superseded.cancelled().await;
    assert!(!taking.is_finished());
    drop(first);
    let second = taking.await.unwrap().unwrap();
    assert!(!second.superseded.is_cancelled());
    uploads.acquire(key("alice", 2), &NoMessage).await.unwrap();
    drop(second);
    assert!(uploads.uploads().is_empty(), "an upload without a file is forgotten");
}

/// Waits in a task of its own.
fn acquiring(
    uploads: &PartialUploads,
    key: UploadKey,
) -> tokio::task::JoinHandle<CommandResult<UploadGuard>> {
    let uploads = uploads.clone();
    tokio::spawn(async move { uploads.acquire(key, &NoMessage).await })
}

fn is_waiting(uploads: &PartialUploads, key: &UploadKey) -> bool {
    matches!(uploads.uploads()[key].state, UploadState::Active { waiting: Some(_), .. })
}

#[tokio::test]
async fn only_the_newest_waiting_transfer_takes_over() {
    let folder = tempfile::tempdir().unwrap();
    let uploads = uploads_in(folder.path());
    let key = key("alice", 1);
    let first = uploads.acquire(key.clone(), &NoMessage).await.unwrap();
    let older = acquiring(&uploads, key.clone());
    while !is_waiting(&uploads, &key) {
        tokio::task::yield_now().await;
    }
    let newer = acquiring(&uploads, key.clone());
    let older = timeout(Duration::from_secs(5), older).await.expect("the older one is refused");
    assert_eq!(refusal(older.unwrap()), Refusal::TransferFailed);
    assert!(!newer.is_finished() && first.superseded.is_cancelled());
    drop(first);
    assert!(!newer.await.unwrap().unwrap().superseded.is_cancelled());
    assert!(uploads.uploads().is_empty());
}

#[tokio::test]
async fn a_transfer_that_gives_up_waiting_leaves_the_partial_upload_free() {
    let folder = tempfile::tempdir().unwrap();
    let uploads = uploads_in(folder.path());
    let key = key("alice", 1);
    let first = uploads.acquire(key.clone(), &NoMessage).await.unwrap();
    let waiting = acquiring(&uploads, key.clone());
    while !is_waiting(&uploads, &key) {
        tokio::task::yield_now().await;
    }
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    drop(first);
    assert!(uploads.uploads().is_empty());
    assert!(uploads.acquire_resting(key).is_some());
}

#[tokio::test]
async fn active_and_resting_uploads_count_against_the_quota() {
    let folder = tempfile::tempdir().unwrap();
    let uploads = uploads_in(folder.path());
    let first = uploads.acquire(key("alice", 1), &NoMessage).await.unwrap();
    first.reserve(4, (2, Some(10)), &NoMessage).await.unwrap();
    let second = uploads.acquire(key("alice", 2), &NoMessage).await.unwrap();
    let refused = second.reserve(5, (2, Some(10)), &NoMessage).await;
    assert_eq!(refusal(refused), Refusal::QuotaExceeded { size: 5, used: 6, quota: 10 });
    let bob = uploads.acquire(key("bob", 1), &NoMessage).await.unwrap();
    bob.reserve(10, (0, Some(10)), &NoMessage).await.unwrap();
    // The transfer is cut, and three bytes stay.
    std::fs::write(path(&first), "abc").unwrap();
    drop(first);
    second.reserve(5, (2, Some(10)), &NoMessage).await.unwrap();
    assert_eq!(partial_files(&uploads), [key("alice", 1).to_string()]);
    let refused = second.reserve(9, (2, Some(10)), &NoMessage).await;
    assert_eq!(refusal(refused), Refusal::QuotaExceeded { size: 9, used: 5, quota: 10 });
}

#[tokio::test]
async fn resting_uploads_are_removed_only_if_this_makes_enough_space() {
    let folder = tempfile::tempdir().unwrap();
    let uploads = uploads_in(folder.path());
    resting(&uploads, "alice", 1, 4).await;
    resting(&uploads, "alice", 2, 4).await;
    resting(&uploads, "bob", 3, 4).await;
    let new = uploads.acquire(key("alice", 4), &NoMessage).await.unwrap();
    new.reserve(11, (0, Some(10)), &NoMessage).await.unwrap_err();
    assert_eq!(partial_files(&uploads).len(), 3, "nothing is removed in vain");
    new.reserve(6, (0, Some(10)), &NoMessage).await.unwrap();
    assert_eq!(
        partial_files(&uploads),
        [2, 3].map(|id| key(if id == 2 { "alice" } else { "bob" }, id).to_string())
    );
    // Its own partial file is not removed.
    drop(new);
    let again = uploads.acquire(key("alice", 2), &NoMessage).await.unwrap();
    again.reserve(10, (0, Some(10)), &NoMessage).await.unwrap();
    assert_eq!(partial_files(&uploads).len(), 2);
}

#[tokio::test]
async fn a_user_has_a_bounded_number_of_partial_uploads() {
    let folder = tempfile::tempdir().unwrap();
    let uploads = uploads_in(folder.path());
    let max = u8::try_from(UPLOADS_OF_USER_MAX).unwrap();
    for id in 0..max {
        resting(&uploads, "alice", id, 1).await;
    }
    resting(&uploads, "alice", max, 1).await;
    let names = partial_files(&uploads);
    assert_eq!(names.len(), UPLOADS_OF_USER_MAX);
    assert!(!names.contains(&key("alice", 0).to_string()), "the oldest is removed");
    let mut held = Vec::new();
    for id in 0..max {
        held.push(uploads.acquire(key("bob", id), &NoMessage).await.unwrap());
    }
    assert_eq!(refusal(uploads.acquire(key("bob", max), &NoMessage).await), Refusal::Busy);
}

#[tokio::test]
async fn a_partial_file_that_cannot_be_removed_fails_the_upload_that_needs_its_space() {
    let folder = tempfile::tempdir().unwrap();
    let uploads = uploads_in(folder.path());
    let soon = Duration::from_secs(5);
    // A folder in the place of the file cannot be removed as a file.
    let immovable = async |id| {
        let guard = uploads.acquire(key("alice", id), &NoMessage).await.unwrap();
        std::fs::create_dir(path(&guard)).unwrap();
        drop(guard);
        uploads.uploads().get_mut(&key("alice", id)).unwrap().bytes = 4;
    };
    immovable(0).await;
    let new = uploads.acquire(key("alice", u8::MAX), &NoMessage).await.unwrap();
    let reserved =
        timeout(soon, new.reserve(8, (0, Some(10)), &NoMessage)).await.expect("one attempt");
    assert!(matches!(reserved, Err(CommandError::Failed(_))), "{reserved:?}");
    drop(new);
    for id in 1..UPLOADS_OF_USER_MAX.try_into().unwrap() {
        immovable(id).await;
    }
    let taken = timeout(soon, uploads.acquire(key("alice", u8::MAX), &NoMessage))
        .await
        .expect("one attempt");
    assert!(matches!(taken, Err(CommandError::Failed(_))), "{taken:?}");
}

/// A store in which each upload has its message.
#[cfg(feature = "cluster")]
struct AllSent;

#[cfg(feature = "cluster")]
impl UploadMessages for AllSent {
    async fn has_message(&self, _: &UploadKey) -> io::Result<bool> {
        Ok(true)
    }
}

#[cfg(feature = "cluster")]
#[tokio::test]
async fn a_file_that_another_server_has_finished_never_gives_way() {
    use qchat_transfer::{BlockSink, BufferPool, Layout};

    let objects = crate::files::ObjectStorage::in_memory();
    let uploads = PartialUploads::of(Storage::Objects(objects.clone()));
    let first = uploads.acquire(key("alice", 1), &AllSent).await.unwrap();
    let layout = Layout::of(4);
    let (upload, _) = uploads.storage.open_upload(first.key(), layout, ()).await.unwrap();
    let mut block = BufferPool::of(layout).block(4);
    block.bytes_mut().copy_from_slice(b"four");
    upload.write_block(layout, 0, block).await.unwrap().unwrap();
    upload.keep().await;
    drop(first);
    let counted = uploads.uploads()[&key("alice", 1)].bytes;
    assert!(counted > 4, "the upload rests, as far as this server knows");
    let new = uploads.acquire(key("alice", 2), &AllSent).await.unwrap();
    // Somebody has just written to it.
    let refused = new.reserve(8, (0, Some(10)), &AllSent).await;
    assert_eq!(refusal(refused), Refusal::Busy);
    let found = objects.uploads().recv().await.unwrap().unwrap();
    assert_eq!(found.len(), 1, "the file is still there");
}
