//! Cleans the upload folder: removes expired files, files without a message, and abandoned uploads.

use std::sync::Arc;
use std::time::Duration;

use qchat_proto::{StoredName, Timestamp};
use tokio::time::sleep;

use crate::clock;
use crate::error_chain::error_chain;
use crate::files::{Storage, UploadFolder};
use crate::state::ServerState;
use crate::store::changes::ExpireFiles;
use crate::store::queries::FileStatus;
use crate::tasks::abandoned_uploads;
#[cfg(feature = "cluster")]
use crate::tasks::stored_objects;

/// The longest time between two rounds.
const ROUND_INTERVAL_MAX: Duration = Duration::from_secs(60 * 60);

/// The shortest time between two rounds, also if files are kept for a short time.
const ROUND_INTERVAL_MIN: Duration = Duration::from_secs(1);

/// The age from which a file without a message is removed. A file gets its name right before the change that
/// sends its message.
const ORPHAN_AGE: Duration = Duration::from_secs(60 * 60);

/// Cleans the folder again and again.
pub(crate) async fn run(state: Arc<ServerState>) {
    let keep = state.limits.keep_files;
    let interval = keep.map_or(ROUND_INTERVAL_MAX, |keep| keep / 10);
    let interval = interval.clamp(ROUND_INTERVAL_MIN, ROUND_INTERVAL_MAX);
    if let Storage::Folder(folder) = &state.file_store.storage
        && !folder.is_bound_to_store()
    {
        tracing::warn!(
            "the upload folder was filled by another store: files without a message stay"
        );
    }
    while !state.stopping.is_cancelled() {
        let cleaned = match &state.file_store.storage {
            Storage::Folder(folder) => clean(&state, folder, keep).await,
            #[cfg(feature = "cluster")]
            Storage::Objects(objects) => stored_objects::clean(&state, objects).await,
        };
        if let Err(error) = cleaned {
            tracing::warn!(error = error_chain(&*error), "the uploaded files could not be cleaned");
        }
        state.stopping.run_until_cancelled(sleep(interval)).await;
    }
}

/// A reason why a round ended early.
type CleanupError = Box<dyn std::error::Error + Send + Sync>;

/// Cleans the folder once, some files at a time.
async fn clean(
    state: &ServerState,
    folder: &UploadFolder,
    keep: Option<Duration>,
) -> Result<(), CleanupError> {
    let mut chunks = folder.names();
    while let Some(names) = chunks.recv().await {
        let names = names?;
        let now = clock::now();
        let keeping = state.store.file_statuses(names.clone()).await?;
        let files: Vec<_> = names.into_iter().zip(keeping).collect();
        let is_old = |name: &StoredName, age: Duration| clock::is_older(name.at(), now, age);
        let pick = |is_picked: &dyn Fn(&StoredName, FileStatus) -> bool| -> Vec<StoredName> {
            let picked = files.iter().filter(|(name, keeping)| is_picked(name, *keeping));
            picked.map(|(name, _)| name.clone()).collect()
        };
        let kept_long_enough = |name: &StoredName| keep.is_some_and(|keep| is_old(name, keep));
        let expired = pick(&|name, is| is == FileStatus::Kept && kept_long_enough(name));
        expire(state, folder, (now, expired)).await?;
        // A server that was killed between the change and the removal leaves expired files.
        remove(folder, "expired", pick(&|_, is| is == FileStatus::Expired)).await;
        if folder.is_bound_to_store() {
            let orphans = pick(&|name, is| is == FileStatus::Unknown && is_old(name, ORPHAN_AGE));
            remove(folder, "sent in no message", orphans).await;
        }
    }
    abandoned_uploads::collect(state, folder).await;
    Ok(())
}

/// Records the expiry in the store before the files are removed.
async fn expire(
    state: &ServerState,
    folder: &UploadFolder,
    (at, names): (Timestamp, Vec<StoredName>),
) -> Result<(), CleanupError> {
    if names.is_empty() {
        return Ok(());
    }
    state.store.commit(ExpireFiles { names: names.clone(), at }).await?;
    remove(folder, "expired", names).await;
    Ok(())
}

async fn remove(folder: &UploadFolder, reason: &str, names: Vec<StoredName>) {
    for name in names {
        tracing::info!(%name, reason, "removing a file");
        folder.remove(&name).await;
    }
}
