//! Cleans the store of objects: removes expired files, and uploads that nobody goes on with.

use std::error::Error;
use std::time::SystemTime;

use qchat_proto::File;

use crate::clock;
use crate::error::CommandError;
use crate::error_chain::error_chain;
use crate::files::{FoundUpload, ObjectStorage, UploadKey, UploadMessages};
use crate::state::ServerState;
use crate::store::changes::ExpireFiles;
use crate::store::queries::UploadStatus;

/// The most abandoned uploads that one round removes.
const ABANDONED_MAX: usize = 4096;

/// The uploads of a round, by what the store knows of them.
#[derive(Default)]
struct Round {
    /// The number of files with a message.
    sent: usize,
    abandoned: Vec<UploadKey>,
}

/// Cleans the store of objects once, some uploads at a time.
pub(super) async fn clean(
    state: &ServerState,
    objects: &ObjectStorage,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let (mut chunks, mut round) = (objects.uploads(), Round::default());
    while let Some(found) = chunks.recv().await {
        let found = found?;
        let keys = found.iter().map(|found| (found.key.user.clone(), found.key.id)).collect();
        let statuses = state.store.upload_statuses(keys).await?;
        let mut expired = Vec::new();
        for (found, status) in found.into_iter().zip(statuses) {
            match status {
                UploadStatus::Unfinished => round.sort(state, objects, &found),
                UploadStatus::Kept(file) => {
                    round.sent += 1;
                    match is_old(state, &file) {
                        true => expired.push((file.name, found.key)),
                        false => tidy(objects, &found, &file).await,
                    }
                }
                // A server that was killed between the change and the removal leaves expired files.
                UploadStatus::Expired => {
                    round.sent += 1;
                    remove(objects, &found.key).await;
                }
            }
        }
        if !expired.is_empty() {
            let names = expired.iter().map(|(name, _)| name.clone()).collect();
            state.store.commit(ExpireFiles { names, at: clock::now() }).await?;
        }
        for (_, key) in expired {
            remove(objects, &key).await;
        }
    }
    round.remove_abandoned(state, objects).await;
    Ok(())
}

impl Round {
    /// Keeps an unfinished upload in mind: it counts against the quota of its sender, or it is abandoned.
    fn sort(&mut self, state: &ServerState, objects: &ObjectStorage, found: &FoundUpload) {
        let age = SystemTime::now().duration_since(found.touched).unwrap_or_default();
        // Uploads at work are skipped.
        let uploads = &state.file_store.partial_uploads;
        let Some(_guard) = uploads.acquire_resting(found.key.clone()) else { return };
        objects.note(found);
        if age > state.limits.unfinished_age_max && self.abandoned.len() < ABANDONED_MAX {
            self.abandoned.push(found.key.clone());
        }
    }

    /// Removes the abandoned uploads. If the store knows fewer files than it misses, it is probably not the store of
    /// these files, and nothing is removed.
    async fn remove_abandoned(self, state: &ServerState, objects: &ObjectStorage) {
        let Self { sent, abandoned } = self;
        if sent < abandoned.len() {
            return tracing::warn!(
                sent,
                unknown = abandoned.len(),
                "the store does not know most of the files here: those without a message stay"
            );
        }
        for key in abandoned {
            let Some(guard) = state.file_store.partial_uploads.acquire_resting(key.clone()) else {
                continue;
            };
            tracing::info!(upload = %key, "removing an unfinished upload");
            let has_message = async || state.store.has_message(&key).await;
            let rest = state.limits.unfinished_age_max;
            if let Err(error) = objects.remove_resting(&key, rest, has_message).await {
                tracing::warn!(upload = %key, %error, "an unfinished upload cannot be removed");
            }
            drop(guard);
        }
    }
}

fn is_old(state: &ServerState, file: &File) -> bool {
    let keep = state.limits.keep_files;
    keep.is_some_and(|keep| clock::is_older(file.name.at(), clock::now(), keep))
}

async fn tidy(objects: &ObjectStorage, found: &FoundUpload, file: &File) {
    match objects.tidy(found, file).await {
        Ok(()) => {}
        Err(CommandError::Refused(refusal)) => {
            tracing::warn!(file = %file.name, %refusal, "superseded parts of a file stay");
        }
        Err(CommandError::Failed(error) | CommandError::Unknown(error)) => {
            let error = error_chain(&*error);
            tracing::warn!(file = %file.name, error, "superseded parts of a file stay");
        }
    }
}

async fn remove(objects: &ObjectStorage, key: &UploadKey) {
    tracing::info!(upload = %key, reason = "expired", "removing a file");
    if let Err(error) = objects.remove(key).await {
        tracing::warn!(upload = %key, %error, "a file could not be removed");
    }
}
