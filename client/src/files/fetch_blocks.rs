//! One request for blocks of a file, and the stream that brings them.

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

use crate::connection::Call;
use crate::connection::Link;
use crate::error::{CallError, DamagedError, LinkError};
use crate::files::free_space::unwritten;
use crate::files::missing_blocks::Missing;
use crate::files::progress::Progress;

/// How long the server may take to begin with the file.
const ARRIVAL_MAX: Duration = Duration::from_secs(30);

/// How long its last word may take where the file has come, or has broken off.
const LAST_WORD_MAX: Duration = Duration::from_secs(10);

/// What is asked for, and where it goes.
pub(crate) struct Wanted<'a> {
    pub(crate) log: &'a Log,
    pub(crate) file: &'a File,
    pub(crate) blocks: BoundedVec<BlockRange, BLOCK_RANGES_MAX>,
}

/// Fetches blocks into the part. What came before an error stays there, and nobody writes there any more
/// when this returns.
pub(crate) async fn fetch(
    link: &Link,
    wanted: Wanted<'_>,
    to: (PartialFile, Missing),
    progress: &mut Progress,
) -> Result<(PartialFile, Missing), CallError> {
    let Wanted { log, file, blocks } = wanted;
    let transfer = link.new_transfer();
    // Before asking: the file may come before the answer.
    let waiting = link.files.expect(transfer).ok_or(CallError::NotSent(LinkError::Closed))?;
    let query = FileQuery::from(file.name.as_str());
    let ask = Download { log: log.clone(), file: query, blocks, transfer };
    let mut call = Call::ask(link, ask).await?;
    let place = to.0.location().to_owned();
    let failed = |error| failure(error, file, &place);
    converse(link, (&mut call, waiting), to, progress, failed).await
}

/// Receives the file and listens to the command's stream at the same time: the server may say there
/// that it cannot go on. No order holds between the two.
async fn converse(
    link: &Link,
    (call, waiting): (&mut Call<Download>, ExpectedStream<RecvStream>),
    to: (PartialFile, Missing),
    progress: &mut Progress,
    failed: impl Fn(ReceiveError) -> CallError,
) -> Result<(PartialFile, Missing), CallError> {
    let layout = to.1.layout();
    let mut word = LastWord { said: None, coming: pin!(call.reply_at_leisure()) };
    let arrived = tokio::select! {
        biased;
        arrived = arrival(link, waiting) => arrived,
        () = word.is_final() => Err(ReceiveError::Stopped),
    };
    let mut stream = match arrived {
        Ok(stream) => stream,
        Err(error) => return Err(word.why(error, failed).await),
    };
    let receiving = link.windows.incoming_file();
    let told = |bytes| {
        receiving.received(bytes);
        progress.moved(bytes);
    };
    let received = receive(&mut stream, layout, to, word.is_final(), told).await;
    let Received { file: part, receiver: missing, digest } = received;
    match digest {
        Ok(_) => word.heard().await.map(|Done| (part, missing)),
        Err(error) => Err(word.why(error, failed).await),
    }
}

/// What the server says on the command's stream when it has done with the file.
struct LastWord<'a, F> {
    said: Option<Result<Done, CallError>>,
    coming: Pin<&'a mut F>,
}

impl<F: Future<Output = Result<Done, CallError>>> LastWord<'_, F> {
    /// Waits for a word after which nothing more comes. A lost link is none: what has come before is
    /// read yet.
    async fn is_final(&mut self) {
        if self.said.is_none() {
            self.said = Some(self.coming.as_mut().await);
        }
        let goes_on = match &self.said {
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

    async fn heard(self) -> Result<Done, CallError> {
        let late = Err(CallError::NotSent(LinkError::NoAnswer(LAST_WORD_MAX)));
        match self.said {
            Some(said) => said,
            None => timeout(LAST_WORD_MAX, self.coming).await.unwrap_or(late),
        }
    }

    /// What is told of a stream that broke: the server may know more than that.
    async fn why(
        self,
        error: ReceiveError,
        failed: impl Fn(ReceiveError) -> CallError,
    ) -> CallError {
        let word = match error {
            ReceiveError::Stream(_) | ReceiveError::Stopped => self.heard().await,
            _ => Ok(Done),
        };
        word.err().unwrap_or_else(|| failed(error))
    }
}

/// The stream that the server opens for the file.
async fn arrival(
    link: &Link,
    mut waiting: ExpectedStream<RecvStream>,
) -> Result<RecvStream, ReceiveError> {
    let gone = || ReceiveError::Stream(io::ErrorKind::UnexpectedEof.into());
    tokio::select! {
        arrived = timeout(ARRIVAL_MAX, waiting.stream()) => {
            arrived.map_err(|_| ReceiveError::Stalled)?.ok_or_else(gone)
        }
        lost = link.connection.closed() => Err(ReceiveError::Stream(lost.into())),
    }
}

fn failure(error: ReceiveError, file: &File, part: &Path) -> CallError {
    let name = || file.name.clone();
    match error {
        ReceiveError::Stream(_) | ReceiveError::Stopped => DamagedError::FileCut(name()).into(),
        ReceiveError::Stalled => CallError::NotSent(LinkError::Stalled),
        ReceiveError::Write(error) => unwritten(part, error),
        ReceiveError::Damaged(block) => DamagedError::Block { name: name(), block }.into(),
        ReceiveError::Nonsense(what) => DamagedError::Answer(what.to_owned()).into(),
    }
}
