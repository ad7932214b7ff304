//! Handing out a file.

use std::time::Duration;

use qchat_proto::command::{Done, Download, FileHeader};
use qchat_proto::{File, Refusal, codes, frame};
use qchat_transfer::SendError;
use quinn::{SendStream, VarInt};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::address;
use crate::dispatch::{Answer, Call};
use crate::failure::{Failure, chain};
use crate::session::Signed;

/// How long the client may take to allow one more stream.
const STREAM_TIME_MAX: Duration = Duration::from_secs(30);

/// Files come after answers: quinn sends streams of a higher priority first.
const FILE_PRIORITY: i32 = -1;

/// The stored file is not the one that was stored.
#[derive(Debug, thiserror::Error)]
#[error("the stored file {0} is damaged: its digest is not that of its message")]
struct DamagedFile(String);

impl Answer for Download {
    type Caller = Signed;

    async fn answer(self, caller: Signed, call: &mut Call) -> Result<Done, Failure> {
        let log = address(self.log, &caller.user);
        let file = call.node.store.file(caller.user.clone(), log, self.file).await??;
        let _place = call.node.uploads.begin()?;
        let bytes = call.node.uploads.file(&file.name, file.size).await.map_err(Failure::fault)?;
        call.say(&file).await?;
        let opened = timeout(STREAM_TIME_MAX, call.connection.open_uni()).await;
        let Ok(Ok(mut stream)) = opened else { return Err(Refusal::TransferFailed.into()) };
        let header = FileHeader { transfer: self.transfer };
        let sent =
            call.node.while_signed_in(&caller, send(&mut stream, header, &file, bytes)).await;
        if sent.is_err() {
            // A stream that is only dropped looks finished to the peer.
            let _ = stream.reset(VarInt::from_u32(codes::TRANSFER_FAILED));
        }
        sent
    }
}

async fn send(
    stream: &mut SendStream,
    header: FileHeader,
    file: &File,
    bytes: std::fs::File,
) -> Result<Done, Failure> {
    let gone = |_| Failure::from(Refusal::TransferFailed);
    stream.set_priority(FILE_PRIORITY).map_err(|_| Failure::from(Refusal::TransferFailed))?;
    AsyncWriteExt::write_all(stream, &frame::encode_frame(&header)).await.map_err(gone)?;
    let sent = qchat_transfer::send(bytes, file.size, stream, |_| ()).await;
    let digest = sent.map_err(|error| match error {
        SendError::Read(_) | SendError::Shorter => Failure::fault(error),
        error => {
            tracing::debug!(reason = chain(&error), "a file was not taken");
            Refusal::TransferFailed.into()
        }
    })?;
    match digest == file.digest {
        true => stream.finish().map(|()| Done).map_err(|_| Refusal::TransferFailed.into()),
        false => Err(Failure::fault(DamagedFile(file.name.to_string()))),
    }
}
