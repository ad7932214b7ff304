//! Tidies the upload folder: removes files that are kept no longer, and those that no message tells of, and
//! with them the unfinished uploads that nobody goes on with.

use std::sync::Arc;
use std::time::Duration;

use qchat_proto::{StoredName, Timestamp};
use tokio::time::sleep;

use crate::clock;
use crate::error_chain::chain;
use crate::state::ServerState;
use crate::store::changes::ExpireFiles;
use crate::store::queries::FileStatus;
use crate::tasks::abandoned_uploads;

/// How often the folder is looked through at the least.
const ROUND_EVERY_MAX: Duration = Duration::from_secs(60 * 60);

/// How often at the most, however short files are kept.
const ROUND_EVERY_MIN: Duration = Duration::from_secs(1);

/// How old a file must be before it counts as one that no message will tell of: it gets its name right
/// before the change that sends the message.
const ORPHAN_AGE: Duration = Duration::from_secs(60 * 60);

/// Goes through the folder again and again.
pub(crate) async fn run(state: Arc<ServerState>) {
    let keep = state.limits.keep_files;
    let every = keep.map_or(ROUND_EVERY_MAX, |keep| keep / 10);
    let every = every.clamp(ROUND_EVERY_MIN, ROUND_EVERY_MAX);
    let collect = state.file_store.is_bound_to_store();
    if !collect {
        tracing::warn!(
            "the upload folder was filled by another store: files without a message stay"
        );
    }
    while !state.stopping.is_cancelled() {
        if let Err(error) = round(&state, keep, collect).await {
            tracing::warn!(error = chain(&*error), "the upload folder could not be tidied");
        }
        abandoned_uploads::collect(&state).await;
        state.stopping.run_until_cancelled(sleep(every)).await;
    }
}

type RoundError = Box<dyn std::error::Error + Send + Sync>;

/// Goes through the folder once, some files at a time.
async fn round(
    state: &ServerState,
    keep: Option<Duration>,
    collect: bool,
) -> Result<(), RoundError> {
    let mut chunks = state.file_store.names();
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
        expire(state, now, pick(&|name, is| is == FileStatus::Kept && kept_long_enough(name)))
            .await?;
        // Those that expired before are here where a server was killed in the middle.
        remove(state, "expired", pick(&|_, is| is == FileStatus::Expired)).await;
        if collect {
            let orphans = pick(&|name, is| is == FileStatus::Unknown && is_old(name, ORPHAN_AGE));
            remove(state, "sent in no message", orphans).await;
        }
    }
    Ok(())
}

/// First the store says that they are gone, then they go.
async fn expire(
    state: &ServerState,
    at: Timestamp,
    names: Vec<StoredName>,
) -> Result<(), RoundError> {
    if names.is_empty() {
        return Ok(());
    }
    state.store.commit(ExpireFiles { names: names.clone(), at }).await?;
    remove(state, "expired", names).await;
    Ok(())
}

async fn remove(state: &ServerState, reason: &str, names: Vec<StoredName>) {
    for name in names {
        tracing::info!(%name, reason, "removing a file");
        state.file_store.remove(&name).await;
    }
}
