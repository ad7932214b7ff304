//! Uploads: permission and free space first, then the bytes, then the message.
//!
//! No message without its file: the file is complete, verified, on the disk and under its final name before
//! the transaction with its message. Received blocks are kept when a transfer is interrupted, also by the
//! server's end, until the message exists.

use std::sync::Arc;

use qchat_proto::command::{Upload, UploadOpening};
use qchat_proto::limits::FILE_BYTES_MAX;
use qchat_proto::{BlockHash, Body, File, Message, Refusal, StoredName, UserName};
use qchat_transfer::Layout;

use super::receive_file::{FileReceiver, ReceivedFile};
use crate::auth::SignedIn;
use crate::clock;
use crate::connection::{CommandContext, Handler, Scheduling};
use crate::error::CommandResult;
use crate::files::{OpenUpload, Posted, UploadGuard, UploadKey};
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
        let guard =
            context.state.file_store.partial_uploads.acquire(key, &context.state.store).await?;
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
        let (store, quota) = (&context.state.store, context.state.limits.quota_bytes);
        guard.reserve(*size, (used, quota), store).await?;
        guard.check_disk(*size, context.state.limits.free_bytes_min).await?;
        let waiting = context.pending_streams.expect(*transfer).ok_or(Refusal::TransferFailed)?;
        let layout = Layout::of(*size);
        let storage = &context.state.file_store.storage;
        let (partial, kept) = storage.open_upload(guard.key(), layout, Arc::clone(&slot)).await?;
        context.send_opening(&UploadOpening::SendFile { kept }).await?;
        let floor = context.state.limits.free_bytes_min;
        let receiver = FileReceiver { layout, superseded: guard.superseded.clone(), floor };
        let state = Arc::clone(&context.state);
        let receiving = receiver.receive(context, (partial, kept), waiting);
        let ReceivedFile { upload, hashes } = state.while_signed_in(caller, receiving).await?;
        let (upload, file) = self.store_file(context, upload, hashes).await?;
        self.send_message(context, upload, file).await
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
        upload: OpenUpload,
        hashes: Vec<BlockHash>,
    ) -> CommandResult<(OpenUpload, File)> {
        let Upload { name: original, size, .. } = self.upload.clone();
        let digest = qchat_transfer::file_digest(&hashes);
        let (storage, named) = (&context.state.file_store.storage, (clock::now(), original.name()));
        let (upload, name) = storage.finish(upload, hashes, named).await?;
        Ok((upload, File { name, original, size, digest }))
    }

    /// Sends the message of the file. If that is refused, the stored file is removed. The partial upload is
    /// removed if no later attempt needs it.
    async fn send_message(
        &self,
        context: &CommandContext,
        upload: OpenUpload,
        file: File,
    ) -> CommandResult<Message> {
        let name = file.name.clone();
        let sent = self.post(context, file).await;
        let posted = match &sent {
            Ok(message) if is_message_of(message, &name) => Posted::Sent,
            Ok(_) => Posted::SentEarlier,
            Err(CommitError::Refused(_)) => Posted::Refused,
            Err(CommitError::Failed(_)) => Posted::Failed,
            Err(CommitError::Unknown(_)) => Posted::Unknown,
        };
        context.state.file_store.storage.settle(upload, &name, posted).await;
        Ok(sent?)
    }

    async fn post(&self, context: &CommandContext, file: File) -> Result<Message, CommitError> {
        let naming = context.state.file_store.storage.naming();
        let content = Content::File { file, quota: context.state.limits.quota_bytes, naming };
        let (from, to, at) = (self.sender.clone(), self.upload.to.clone(), clock::now());
        context.state.store.commit(Post { id: self.upload.id, from, to, at, content }).await
    }
}

/// Whether this is the message of the file of this name, and not the one of an earlier attempt.
fn is_message_of(message: &Message, name: &StoredName) -> bool {
    matches!(&message.body, Body::File(file) if file.name == *name)
}
