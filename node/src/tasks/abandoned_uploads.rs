//! Looks after the parts of unfinished uploads: those that nobody will go on with are removed.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use qchat_transfer::{PartialFile, PartialFileEntry};

use crate::error_chain::chain;
use crate::files::UploadKey;
use crate::fs::blocking;
use crate::state::ServerState;

/// A copy that has not been written to for so long is not being made any more.
const COPY_REST_MAX: Duration = Duration::from_secs(60 * 60);

/// Removes parts that are old or whose message exists. The others count against their senders' quotas
/// from here on.
pub(crate) async fn collect(state: &ServerState) {
    let folder = state.file_store.folder().to_owned();
    match blocking(move || PartialFile::list(&folder)).await {
        Ok(leftovers) => {
            for leftover in leftovers {
                look_at(state, leftover).await;
            }
        }
        Err(error) => tracing::warn!(%error, "the unfinished uploads could not be looked at"),
    }
}

async fn look_at(state: &ServerState, leftover: PartialFileEntry) {
    let age = SystemTime::now().duration_since(leftover.touched).unwrap_or_default();
    let Some(key) = UploadKey::parse(&leftover.name) else {
        // Nobody could ask for it. But it may be the copy of a part that is being made.
        if age > COPY_REST_MAX {
            remove(leftover.path).await;
        }
        return;
    };
    // What is under way is not looked at.
    let Some(turn) = state.file_store.partial_uploads.acquire_resting(key) else { return };
    let UploadKey { user, id } = turn.key().clone();
    let is_told = match state.store.earlier_upload(user, id).await {
        Ok(file) => file.is_some(),
        Err(error) => {
            let error = chain(&error);
            return tracing::warn!(error, "whether an upload has its message is not known");
        }
    };
    if is_told || age > state.limits.unfinished_age_max {
        tracing::info!(part = leftover.name, is_told, "removing an unfinished upload");
        turn.discard().await;
    }
}

async fn remove(path: PathBuf) {
    let current_identity = path.clone();
    if let Err(error) = blocking(move || std::fs::remove_file(path)).await {
        tracing::warn!(path = %current_identity.display(), %error, "an unfinished upload cannot be removed");
    }
}
