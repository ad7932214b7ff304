//! One request for blocks of a file, and the stream that carries them.

use std::io;
use std::path::Path;
use std::pin::{Pin, pin};
use std::time::Duration;

use qchat_proto::command::{BlockRange, Done, Download, FileQuery, Log};
use qchat_proto::limits::BLOCK_RANGES_MAX;
use qchat_proto::{BoundedVec, File, Refusal};
use qchat_transfer::{ExpectedStream, PartialFile, ReceiveError, Received, receive};
use quinn::RecvStream;
use tokio::time::timeout;

use crate::connection::{Call, Connection};
use crate::error::{CallError, DamagedError, NoAnswer};
use crate::files::free_space::unwritten;
use crate::files::missing_blocks::Missing;
use crate::files::progress::Progress;

/// How long the server may take to begin with the file.
const ARRIVAL_MAX: Duration = Duration::from_secs(30);

/// How long the server's answer may take when the file has come, or was broken off.
const ANSWER_AFTER_FILE_MAX: Duration = Duration::from_secs(10);

/// The blocks to fetch.
pub(crate) struct Wanted<'a> {
    pub(crate) log: &'a Log,
    pub(crate) file: &'a File,
    pub(crate) blocks: BoundedVec<BlockRange, BLOCK_RANGES_MAX>,
}

/// Fetches blocks into the partial file. Blocks that came before an error stay there. When this returns,
/// nothing writes to the file any more.
pub(crate) async fn fetch(
    connection: &Connection,
    wanted: Wanted<'_>,
    to: (PartialFile, Missing),
    progress: &mut Progress,
) -> Result<(PartialFile, Missing), CallError> {
    let Wanted { log, file, blocks } = wanted;
    let transfer = connection.new_transfer();
    // Before asking: the file may come before the answer.
    let waiting = connection.files.expect(transfer).ok_or(CallError::NotSent(NoAnswer::Closed))?;
    let query = FileQuery::from(file.name.as_str());
    let ask = Download { log: log.clone(), file: query, blocks, transfer };
    let mut call = Call::ask(connection, ask).await?;
    let place = to.0.location().to_owned();
    let failed = |error| failure(error, file, &place);
    converse(connection, (&mut call, waiting), to, progress, failed).await
}

/// Receives the file and reads the command's stream at the same time: the server may say there
/// that it cannot go on. No order holds between the two.
async fn converse(
    connection: &Connection,
    (call, waiting): (&mut Call<Download>, ExpectedStream<RecvStream>),
    to: (PartialFile, Missing),
    progress: &mut Progress,
    failed: impl Fn(ReceiveError) -> CallError,
) -> Result<(PartialFile, Missing), CallError> {
    let layout = to.1.layout();
    let mut answer = Answer { read: None, coming: pin!(call.reply_at_leisure()) };
    let arrived = tokio::select! {
        biased;
        arrived = arrival(connection, waiting) => arrived,
        () = answer.is_final() => Err(ReceiveError::Stopped),
    };
    let mut stream = match arrived {
        Ok(stream) => stream,
        Err(error) => return Err(answer.why(error, failed).await),
    };
    let receiving = connection.windows.incoming_file();
    let told = |bytes| {
        receiving.received(bytes);
        progress.moved(bytes);
    };
    let received = receive(&mut stream, layout, to, answer.is_final(), told).await;
    let Received { sink: part, receiver: missing, digest } = received;
    match digest {
        Ok(_) => answer.wait().await.map(|Done| (part, missing)),
        Err(error) => Err(answer.why(error, failed).await),
    }
}

/// The answer on the command's stream, which ends the transfer.
struct Answer<'a, F> {
    read: Option<Result<Done, CallError>>,
    coming: Pin<&'a mut F>,
}

impl<F: Future<Output = Result<Done, CallError>>> Answer<'_, F> {
    /// Waits for an answer after which no more bytes of the file come. After a lost connection, bytes that
    /// have come before are still to be read.
    async fn is_final(&mut self) {
        if self.read.is_none() {
            self.read = Some(self.coming.as_mut().await);
        }
        let goes_on = match &self.read {
            Some(Err(CallError::Refused(refusal))) => {
                // The good blocks come all the same.
                matches!(refusal, Refusal::FileDamaged { .. })
            }
            Some(Err(CallError::Damaged(_))) => false,
            _ => true,
        };
        if goes_on {
            std::future::pending::<()>().await;
        }
    }

    async fn wait(self) -> Result<Done, CallError> {
        let late = Err(CallError::NotSent(NoAnswer::TimedOut(ANSWER_AFTER_FILE_MAX)));
        match self.read {
            Some(answer) => answer,
            None => timeout(ANSWER_AFTER_FILE_MAX, self.coming).await.unwrap_or(late),
        }
    }

    /// The error to report for a stream that broke. The answer may say more than the stream.
    async fn why(
        self,
        error: ReceiveError,
        failed: impl Fn(ReceiveError) -> CallError,
    ) -> CallError {
        let answer = match error {
            ReceiveError::Stream(_) | ReceiveError::Stopped => self.wait().await,
            _ => Ok(Done),
        };
        answer.err().unwrap_or_else(|| failed(error))
    }
}

/// The stream that the server opens for the file.
async fn arrival(
    connection: &Connection,
    mut waiting: ExpectedStream<RecvStream>,
) -> Result<RecvStream, ReceiveError> {
    let gone = || ReceiveError::Stream(io::ErrorKind::UnexpectedEof.into());
    tokio::select! {
        arrived = timeout(ARRIVAL_MAX, waiting.stream()) => {
            arrived.map_err(|_| ReceiveError::Stalled)?.ok_or_else(gone)
        }
        lost = connection.quic.closed() => Err(ReceiveError::Stream(lost.into())),
    }
}

fn failure(error: ReceiveError, file: &File, part: &Path) -> CallError {
    let name = || file.name.clone();
    match error {
        ReceiveError::Stream(_) | ReceiveError::Stopped => DamagedError::FileCut(name()).into(),
        ReceiveError::Stalled => CallError::NotSent(NoAnswer::Stalled),
        ReceiveError::Write(error) => unwritten(part, error),
        ReceiveError::Damaged(block) => DamagedError::Block { name: name(), block }.into(),
        ReceiveError::Invalid(what) => DamagedError::Answer(what.to_owned()).into(),
    }
}
