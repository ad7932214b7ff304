//! Removes abandoned uploads.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use qchat_transfer::{PartialFile, PartialFileEntry};

use crate::error_chain::error_chain;
use crate::files::{UploadFolder, UploadKey};
use crate::fs::blocking;
use crate::state::ServerState;

/// A copy that was not written to for so long is abandoned.
const COPY_REST_MAX: Duration = Duration::from_secs(60 * 60);

/// Removes partial files that are old or whose message exists. The others count against their senders' quotas
/// from now on.
pub(crate) async fn collect(state: &ServerState, folder: &UploadFolder) {
    let folder = folder.path().to_owned();
    match blocking(move || PartialFile::list(&folder)).await {
        Ok(leftovers) => {
            for leftover in leftovers {
                clean_up(state, leftover).await;
            }
        }
        Err(error) => tracing::warn!(%error, "the unfinished uploads could not be looked at"),
    }
}

async fn clean_up(state: &ServerState, leftover: PartialFileEntry) {
    let age = SystemTime::now().duration_since(leftover.touched).unwrap_or_default();
    let Some(key) = UploadKey::parse(&leftover.name) else {
        // No upload can ask for this name. But it may be the copy of a partial file that is being made.
        if age > COPY_REST_MAX {
            remove(leftover.path).await;
        }
        return;
    };
    // Uploads at work are skipped.
    let Some(guard) = state.file_store.partial_uploads.acquire_resting(key) else { return };
    let UploadKey { user, id } = guard.key().clone();
    let has_message = match state.store.earlier_upload(user, id).await {
        Ok(file) => file.is_some(),
        Err(error) => {
            let error = error_chain(&error);
            return tracing::warn!(error, "whether an upload has its message is not known");
        }
    };
    if has_message || age > state.limits.unfinished_age_max {
        tracing::info!(part = leftover.name, has_message, "removing an unfinished upload");
        guard.discard().await;
    }
}

async fn remove(path: PathBuf) {
    let shown_path = path.clone();
    if let Err(error) = blocking(move || std::fs::remove_file(path)).await {
        tracing::warn!(path = %shown_path.display(), %error, "an unfinished upload cannot be removed");
    }
}
