//! Taking a file: permission and room first, then the bytes, then the message.
//!
//! No message without its file: the file is complete, checked, on the disk and under its final name
//! before the transaction that tells of it. What has come of it stays when the transfer is cut, also by
//! the server's death, until its message exists.

use std::sync::Arc;

use qchat_proto::command::{Upload, UploadOpening};
use qchat_proto::limits::FILE_BYTES_MAX;
use qchat_proto::{BlockHash, Body, File, Message, Refusal, StoredName, UserName};
use qchat_transfer::{Layout, PartialFile};

use super::receive_file::{FileReceiver, Whole, remove_part};
use crate::auth::SignedIn;
use crate::clock;
use crate::connection::{CommandContext, Handler, Scheduling};
use crate::error::CommandError;
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

    async fn run(
        self,
        caller: SignedIn,
        context: &mut CommandContext,
    ) -> Result<Message, CommandError> {
        let limit = context.state.limits.file_bytes_max.min(FILE_BYTES_MAX);
        if self.size > limit {
            return Err(Refusal::TooLarge { size: self.size, limit }.into());
        }
        let key = UploadKey { user: caller.user.clone(), id: self.id };
        let offer = OfferedFile { upload: self, sender: caller.user.clone() };
        let turn = context.state.file_store.partial_uploads.acquire(key).await?;
        // In its turn: an earlier try may have been about to tell of the file.
        match offer.stored_earlier(context).await? {
            Some(file) => {
                turn.discard().await;
                context.send_opening(&UploadOpening::AlreadyStored).await?;
                Ok(offer.post(context, file).await?)
            }
            None => offer.take(&caller, context, &turn).await,
        }
    }
}

/// A file that its sender wants to bring.
struct OfferedFile {
    upload: Upload,
    sender: UserName,
}

impl OfferedFile {
    /// Admits the file, receives what is missing of it, and sends its message.
    async fn take(
        &self,
        caller: &SignedIn,
        context: &mut CommandContext,
        turn: &UploadGuard,
    ) -> Result<Message, CommandError> {
        let Upload { to, size, transfer, .. } = &self.upload;
        let place = context.state.file_store.transfer_slot(&self.sender)?;
        let used = context.state.store.may_upload(self.sender.clone(), to.clone()).await??;
        turn.reserve(*size, used, context.state.limits.quota_bytes).await?;
        turn.check_disk(*size, context.state.limits.free_bytes_min).await?;
        let waiting = context.pending_streams.expect(*transfer).ok_or(Refusal::TransferFailed)?;
        let layout = Layout::of(*size);
        let (part, kept) =
            context.state.file_store.open_partial(turn, layout, Arc::clone(&place)).await?;
        context.send_opening(&UploadOpening::SendFile { kept }).await?;
        let floor = context.state.limits.free_bytes_min;
        let arrival = FileReceiver { layout, superseded: turn.superseded.clone(), floor };
        let state = Arc::clone(&context.state);
        let receiving = arrival.receive(context, (part, kept), waiting);
        let Whole { part, values } = state.while_signed_in(caller, receiving).await?;
        let (part, file) = self.finish(context, part, values).await?;
        self.tell(context, part, file).await
    }

    /// The file that an earlier try with this id left here.
    async fn stored_earlier(&self, context: &CommandContext) -> Result<Option<File>, CommandError> {
        let Upload { id, name, size, .. } = &self.upload;
        let earlier = context.state.store.earlier_upload(self.sender.clone(), *id).await?;
        match earlier {
            Some(file) if file.original == *name && file.size == *size => Ok(Some(file)),
            Some(_) => Err(Refusal::IdReused.into()),
            None => Ok(None),
        }
    }

    async fn finish(
        &self,
        context: &CommandContext,
        part: PartialFile,
        values: Vec<BlockHash>,
    ) -> Result<(PartialFile, File), CommandError> {
        let Upload { name: original, size, .. } = self.upload.clone();
        let digest = qchat_transfer::file_digest(&values);
        let landed =
            context.state.file_store.finish(part, values, (clock::now(), original.name())).await;
        let (part, name) = landed.map_err(CommandError::failed)?;
        Ok((part, File { name, original, size, digest }))
    }

    /// Sends the message that tells of the file; without it, the file loses its name again. The part
    /// goes where nobody needs it any more.
    async fn tell(
        &self,
        context: &CommandContext,
        part: PartialFile,
        file: File,
    ) -> Result<Message, CommandError> {
        let name = file.name.clone();
        let posted = self.post(context, file).await;
        let is_told = match &posted {
            Ok(message) => tells_of(message, &name),
            // A commit that failed may have told of it.
            Err(CommitError::Unknown(_)) => true,
            Err(_) => false,
        };
        if !is_told {
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

/// Whether this is the message of the file of that name, and not that of an earlier try.
fn tells_of(message: &Message, name: &StoredName) -> bool {
    matches!(&message.body, Body::File(file) if file.name == *name)
}
