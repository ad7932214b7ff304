//! Taking a file: permission and room first, then the bytes, then the message.
//!
//! No message without its file: the file is complete, checked, on the disk and under its final name
//! before the transaction that tells of it.

use std::io;
use std::time::Duration;

use qchat_proto::command::{Upload, UploadOpening};
use qchat_proto::{Body, Digest, File, Message, Refusal, StoredName, UserName, codes};
use qchat_transfer::{Part, ReceiveError, Waiting};
use quinn::{RecvStream, VarInt};
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

use crate::clock;
use crate::dispatch::{Answer, Call};
use crate::failure::{Failure, chain};
use crate::session::Signed;
use crate::store::CommitError;
use crate::store::changes::{Content, Post};

/// How long the client may take to open the file's stream, and to send the digest at its end.
const STREAM_TIME_MAX: Duration = Duration::from_secs(30);

impl Answer for Upload {
    type Caller = Signed;

    async fn answer(self, caller: Signed, call: &mut Call) -> Result<Message, Failure> {
        let arrival = Arrival { upload: self, sender: caller.user.clone() };
        match arrival.stored_earlier(call).await? {
            Some(file) => {
                call.say(&UploadOpening::AlreadyStored).await?;
                Ok(arrival.post(call, file).await?)
            }
            None => arrival.take(&caller, call).await,
        }
    }
}

/// A file that its sender wants to bring.
struct Arrival {
    upload: Upload,
    sender: UserName,
}

impl Arrival {
    /// Admits the file, receives it, and sends its message.
    async fn take(&self, caller: &Signed, call: &mut Call) -> Result<Message, Failure> {
        let Upload { to, size, transfer, .. } = &self.upload;
        let _place = call.node.uploads.begin()?;
        let used = call.node.store.may_upload(self.sender.clone(), to.clone()).await??;
        let _room = call.node.uploads.reserve(&self.sender, *size, used)?;
        let waiting = call.arrivals.expect(*transfer).ok_or(Refusal::TransferFailed)?;
        call.say(&UploadOpening::SendFile).await?;
        let (part, digest) = call.node.while_signed_in(caller, self.receive(call, waiting)).await?;
        let file = self.land(call, part, digest).await?;
        self.tell(call, file).await
    }

    /// The file that an earlier try with this id left here.
    async fn stored_earlier(&self, call: &Call) -> Result<Option<File>, Failure> {
        let Upload { id, name, size, .. } = &self.upload;
        let limit = call.node.limits.file_bytes_max;
        if *size > limit {
            return Err(Refusal::TooLarge { size: *size, limit }.into());
        }
        let earlier = call.node.store.earlier_upload(self.sender.clone(), *id).await?;
        match earlier {
            Some(file) if file.original == *name && file.size == *size => Ok(Some(file)),
            Some(_) => Err(Refusal::IdReused.into()),
            None => Ok(None),
        }
    }

    /// Receives the bytes into a part file and checks them against the digest that follows them.
    async fn receive(
        &self,
        call: &Call,
        mut waiting: Waiting<RecvStream>,
    ) -> Result<(Part, Digest), Failure> {
        let part = call.node.uploads.part().await.map_err(Failure::fault)?;
        let stream = timeout(STREAM_TIME_MAX, waiting.stream()).await.ok().flatten();
        let mut stream = stream.ok_or(Refusal::TransferFailed)?;
        let received = receive(&mut stream, self.upload.size, part).await;
        if received.is_err() {
            // Fails only where the client ended the stream before.
            let _ = stream.stop(VarInt::from_u32(codes::TRANSFER_FAILED));
        }
        received
    }

    async fn land(&self, call: &Call, part: Part, digest: Digest) -> Result<File, Failure> {
        let landed = call.node.uploads.land(part, clock::now(), &self.upload.name).await;
        let name = landed.map_err(Failure::fault)?;
        let Upload { name: original, size, .. } = self.upload.clone();
        Ok(File { name, original, size, digest })
    }

    /// Sends the message that tells of the file; without it, the file goes again.
    async fn tell(&self, call: &Call, file: File) -> Result<Message, Failure> {
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
        Ok(posted?)
    }

    async fn post(&self, call: &Call, file: File) -> Result<Message, CommitError> {
        let content = Content::File { file, quota: call.node.uploads.quota_bytes() };
        let (from, to, at) = (self.sender.clone(), self.upload.to.clone(), clock::now());
        call.node.store.commit(Post { id: self.upload.id, from, to, at, content }).await
    }
}

/// Whether this is the message of the file of that name, and not that of an earlier try.
fn tells_of(message: &Message, name: &StoredName) -> bool {
    matches!(&message.body, Body::File(file) if file.name == *name)
}

async fn receive(
    stream: &mut RecvStream,
    size: u64,
    part: Part,
) -> Result<(Part, Digest), Failure> {
    let received = qchat_transfer::receive(stream, size, part, |_| ()).await;
    let (part, digest) = received.map_err(|error| match error {
        ReceiveError::Write(_) => Failure::fault(error),
        error => interrupted(&chain(&error)),
    })?;
    match timeout(STREAM_TIME_MAX, read_digest(stream)).await {
        Ok(Ok(announced)) if announced == digest => Ok((part, digest)),
        Ok(Ok(_)) => Err(interrupted("the digest is that of another content")),
        Ok(Err(error)) => Err(interrupted(&chain(&error))),
        Err(_) => Err(interrupted("the digest did not come")),
    }
}

fn interrupted(reason: &str) -> Failure {
    tracing::debug!(reason, "a file did not arrive");
    Refusal::TransferFailed.into()
}

/// The digest, which is the last that the stream holds.
async fn read_digest(stream: &mut RecvStream) -> io::Result<Digest> {
    let mut digest = [0; 32];
    AsyncReadExt::read_exact(stream, &mut digest).await?;
    match AsyncReadExt::read(stream, &mut [0]).await? {
        0 => Ok(Digest(digest)),
        _ => Err(io::Error::other("more bytes than announced")),
    }
}
