//! Taking a file: permission and room first, then the bytes, then the message.
//!
//! No message without its file: the file is complete, checked, on the disk and under its final name
//! before the transaction that tells of it. What has come of it stays when the transfer is cut, also by
//! the server's death, until its message exists.

use std::sync::Arc;

use qchat_proto::command::{Upload, UploadOpening};
use qchat_proto::limits::FILE_BYTES_MAX;
use qchat_proto::{BlockValue, Body, File, Message, Refusal, StoredName, UserName};
use qchat_transfer::{Layout, Part};

use super::receive_file::{Arrival, Whole};
use crate::auth::Signed;
use crate::clock;
use crate::connection::{Answer, Call, Work};
use crate::error::Failure;
use crate::files::{PartKey, Turn};
use crate::limits::rate_limit;
use crate::live::Topic;
use crate::state::Node;
use crate::store::CommitError;
use crate::store::changes::{Content, Post};

impl Answer for Upload {
    type Caller = Signed;

    const WORK: Work = Work::Lasting;

    fn tokens(&self, node: &Node) -> u32 {
        1 + rate_limit::of_telling(node.hub.followers(&Topic::Log(self.to.clone())))
    }

    async fn answer(self, caller: Signed, call: &mut Call) -> Result<Message, Failure> {
        let limit = call.node.limits.file_bytes_max.min(FILE_BYTES_MAX);
        if self.size > limit {
            return Err(Refusal::TooLarge { size: self.size, limit }.into());
        }
        let key = PartKey { user: caller.user.clone(), id: self.id };
        let offer = Offer { upload: self, sender: caller.user.clone() };
        let turn = call.node.uploads.parts.take(key).await?;
        // In its turn: an earlier try may have been about to tell of the file.
        match offer.stored_earlier(call).await? {
            Some(file) => {
                turn.discard().await;
                call.say(&UploadOpening::AlreadyStored).await?;
                Ok(offer.post(call, file).await?)
            }
            None => offer.take(&caller, call, &turn).await,
        }
    }
}

/// A file that its sender wants to bring.
struct Offer {
    upload: Upload,
    sender: UserName,
}

impl Offer {
    /// Admits the file, receives what is missing of it, and sends its message.
    async fn take(
        &self,
        caller: &Signed,
        call: &mut Call,
        turn: &Turn,
    ) -> Result<Message, Failure> {
        let Upload { to, size, transfer, .. } = &self.upload;
        let place = call.node.uploads.begin(&self.sender)?;
        let used = call.node.store.may_upload(self.sender.clone(), to.clone()).await??;
        turn.reserve(*size, used, call.node.limits.quota_bytes).await?;
        turn.check_disk(*size, call.node.limits.free_bytes_min).await?;
        let waiting = call.arrivals.expect(*transfer).ok_or(Refusal::TransferFailed)?;
        let layout = Layout::of(*size);
        let (part, kept) = call.node.uploads.part(turn, layout, Arc::clone(&place)).await?;
        call.say(&UploadOpening::SendFile { kept }).await?;
        let floor = call.node.limits.free_bytes_min;
        let arrival = Arrival { layout, superseded: turn.superseded.clone(), floor };
        let node = Arc::clone(&call.node);
        let receiving = arrival.receive(call, (part, kept), waiting);
        let Whole { part, values } = node.while_signed_in(caller, receiving).await?;
        let (part, file) = self.land(call, part, values).await?;
        self.tell(call, part, file).await
    }

    /// The file that an earlier try with this id left here.
    async fn stored_earlier(&self, call: &Call) -> Result<Option<File>, Failure> {
        let Upload { id, name, size, .. } = &self.upload;
        let earlier = call.node.store.earlier_upload(self.sender.clone(), *id).await?;
        match earlier {
            Some(file) if file.original == *name && file.size == *size => Ok(Some(file)),
            Some(_) => Err(Refusal::IdReused.into()),
            None => Ok(None),
        }
    }

    async fn land(
        &self,
        call: &Call,
        part: Part,
        values: Vec<BlockValue>,
    ) -> Result<(Part, File), Failure> {
        let Upload { name: original, size, .. } = self.upload.clone();
        let digest = qchat_transfer::digest(&values);
        let landed = call.node.uploads.land(part, values, (clock::now(), original.name())).await;
        let (part, name) = landed.map_err(Failure::fault)?;
        Ok((part, File { name, original, size, digest }))
    }

    /// Sends the message that tells of the file; without it, the file loses its name again. The part
    /// goes where nobody needs it any more.
    async fn tell(&self, call: &Call, part: Part, file: File) -> Result<Message, Failure> {
        let name = file.name.clone();
        let posted = self.post(call, file).await;
        let is_told = match &posted {
            Ok(message) => tells_of(message, &name),
            // A commit that failed may have told of it.
            Err(CommitError::Unknown(_)) => true,
            Err(_) => false,
        };
        if !is_told {
            call.node.uploads.remove(&name).await;
        }
        if matches!(posted, Ok(_) | Err(CommitError::Refused(_))) {
            remove(part).await;
        }
        Ok(posted?)
    }

    async fn post(&self, call: &Call, file: File) -> Result<Message, CommitError> {
        let content = Content::File { file, quota: call.node.limits.quota_bytes };
        let (from, to, at) = (self.sender.clone(), self.upload.to.clone(), clock::now());
        call.node.store.commit(Post { id: self.upload.id, from, to, at, content }).await
    }
}

/// Whether this is the message of the file of that name, and not that of an earlier try.
fn tells_of(message: &Message, name: &StoredName) -> bool {
    matches!(&message.body, Body::File(file) if file.name == *name)
}

/// Removes a part that nobody needs. Where that fails, the collector does it.
pub(super) async fn remove(part: Part) {
    let removed = crate::fs::blocking(move || part.remove()).await;
    if let Err(error) = removed {
        tracing::debug!(%error, "a part was not removed");
    }
}
