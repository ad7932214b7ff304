//! Uploads: permission and free space first, then the bytes, then the message.
//!
//! No message without its file: the file is complete, verified, on the disk and under its final name before
//! the transaction with its message. Received blocks are kept when a transfer is interrupted, also by the
//! server's end, until the message exists.

use std::sync::Arc;

use qchat_proto::command::{Upload, UploadOpening};
use qchat_proto::limits::FILE_BYTES_MAX;
use qchat_proto::{BlockHash, Body, File, Message, Refusal, StoredName, UserName};
use qchat_transfer::{Layout, PartialFile};

use super::receive_file::{FileReceiver, ReceivedFile, remove_part};
use crate::auth::SignedIn;
use crate::clock;
use crate::connection::{CommandContext, Handler, Scheduling};
use crate::error::{CommandError, CommandResult};
use crate::files::{UploadGuard, UploadKey};
use crate::limits::cost;
use crate::live::Topic;
use crate::state::ServerState;
use crate::store::CommitError;
use crate::store::changes::{Content, Post};

impl Handler for Upload {
    type Caller = SignedIn;

    const SCHEDULING: Scheduling = Scheduling::Streaming;

    fn tokens(&self, state: &ServerState) -> u32 {
        1 + cost::of_watchers(state.notifier.followers(&Topic::Log(self.to.clone())))
    }

    async fn run(self, caller: SignedIn, context: &mut CommandContext) -> CommandResult<Message> {
        let limit = context.state.limits.file_bytes_max.min(FILE_BYTES_MAX);
        if self.size > limit {
            return Err(Refusal::TooLarge { size: self.size, limit }.into());
        }
        let key = UploadKey { user: caller.user.clone(), id: self.id };
        let offered = OfferedFile { upload: self, sender: caller.user.clone() };
        let guard = context.state.file_store.partial_uploads.acquire(key).await?;
        // Checked while the upload's guard is held: an earlier attempt may have been about to send the
        // message.
        match offered.stored_earlier(context).await? {
            Some(file) => {
                guard.discard().await;
                context.send_opening(&UploadOpening::AlreadyStored).await?;
                Ok(offered.post(context, file).await?)
            }
            None => offered.take(&caller, context, &guard).await,
        }
    }
}

/// A file that a client wants to upload.
struct OfferedFile {
    upload: Upload,
    sender: UserName,
}

impl OfferedFile {
    /// Admits the file, receives its missing blocks, and sends its message.
    async fn take(
        &self,
        caller: &SignedIn,
        context: &mut CommandContext,
        guard: &UploadGuard,
    ) -> CommandResult<Message> {
        let Upload { to, size, transfer, .. } = &self.upload;
        let slot = context.state.file_store.transfer_slot(&self.sender)?;
        let used = context.state.store.may_upload(self.sender.clone(), to.clone()).await??;
        guard.reserve(*size, used, context.state.limits.quota_bytes).await?;
        guard.check_disk(*size, context.state.limits.free_bytes_min).await?;
        let waiting = context.pending_streams.expect(*transfer).ok_or(Refusal::TransferFailed)?;
        let layout = Layout::of(*size);
        let (part, kept) =
            context.state.file_store.open_partial(guard, layout, Arc::clone(&slot)).await?;
        context.send_opening(&UploadOpening::SendFile { kept }).await?;
        let floor = context.state.limits.free_bytes_min;
        let receiver = FileReceiver { layout, superseded: guard.superseded.clone(), floor };
        let state = Arc::clone(&context.state);
        let receiving = receiver.receive(context, (part, kept), waiting);
        let ReceivedFile { part, hashes } = state.while_signed_in(caller, receiving).await?;
        let (part, file) = self.store_file(context, part, hashes).await?;
        self.send_message(context, part, file).await
    }

    /// The file that an earlier attempt with this id has stored.
    async fn stored_earlier(&self, context: &CommandContext) -> CommandResult<Option<File>> {
        let Upload { id, name, size, .. } = &self.upload;
        let earlier = context.state.store.earlier_upload(self.sender.clone(), *id).await?;
        match earlier {
            Some(file) if file.original == *name && file.size == *size => Ok(Some(file)),
            Some(_) => Err(Refusal::IdReused.into()),
            None => Ok(None),
        }
    }

    async fn store_file(
        &self,
        context: &CommandContext,
        part: PartialFile,
        hashes: Vec<BlockHash>,
    ) -> CommandResult<(PartialFile, File)> {
        let Upload { name: original, size, .. } = self.upload.clone();
        let digest = qchat_transfer::file_digest(&hashes);
        let finished =
            context.state.file_store.finish(part, hashes, (clock::now(), original.name())).await;
        let (part, name) = finished.map_err(CommandError::failed)?;
        Ok((part, File { name, original, size, digest }))
    }

    /// Sends the message of the file. If that is refused, the stored file is removed. The partial file is
    /// removed if no later attempt needs it.
    async fn send_message(
        &self,
        context: &CommandContext,
        part: PartialFile,
        file: File,
    ) -> CommandResult<Message> {
        let name = file.name.clone();
        let posted = self.post(context, file).await;
        let has_message = match &posted {
            Ok(message) => is_message_of(message, &name),
            // A commit that failed may be durable all the same.
            Err(CommitError::Unknown(_)) => true,
            Err(_) => false,
        };
        if !has_message {
            context.state.file_store.remove(&name).await;
        }
        if matches!(posted, Ok(_) | Err(CommitError::Refused(_))) {
            remove_part(part).await;
        }
        Ok(posted?)
    }

    async fn post(&self, context: &CommandContext, file: File) -> Result<Message, CommitError> {
        let content = Content::File { file, quota: context.state.limits.quota_bytes };
        let (from, to, at) = (self.sender.clone(), self.upload.to.clone(), clock::now());
        context.state.store.commit(Post { id: self.upload.id, from, to, at, content }).await
    }
}

/// Whether this is the message of the file of this name, and not the one of an earlier attempt.
fn is_message_of(message: &Message, name: &StoredName) -> bool {
    matches!(&message.body, Body::File(file) if file.name == *name)
}
