//! A server whose disk is filled by other programs while users send, on a real file system without free
//! space.
//!
//! `QCHAT_FULL_DISKS` is the number of times that each disk is filled. Only root may mount such a disk; for
//! other users the test says that it was skipped.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use qchat_client::proto::command::{BlockHashes, Resume, Upload, UploadOpening};
use qchat_client::proto::file_stream::{BlockHeader, FileHeader};
use qchat_client::proto::limits::ANSWER_BYTES_MAX;
use qchat_client::proto::{ClientId, Command, Digest, Message, Request, TransferId, frame};
use qchat_client::{
    Body, CallError, Client, Code, HistoryQuery, Log, Password, Progress, Reconnect, Refusal,
    Selection, StoredName,
};
use quinn::{RecvStream, SendStream};
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::task::{JoinSet, block_in_place};
use tokio::time::{interval, timeout};

use crate::files::sending::noise;
use crate::harness::sdk::{connect, device, resume, session, text, user};
use crate::harness::{
    DEADLINE, PASSWORD, RawConnection, Server, ServerFolder, SmallDisk, files_below, in_time,
};

/// The size of the disk: the data of this test, and the free-space floors.
const DISK_BYTES: u64 = 224 * 1024 * 1024;

const MIN_FREE: u64 = 16 * 1024 * 1024;

const SENDERS: [&str; 3] = ["alice", "bob", "carol"];

/// The pause of each sender. Only the sends at the moment of the full disk matter.
const SEND_EVERY: Duration = Duration::from_millis(20);
const MESSAGE_BYTES: usize = 8 * 1024;

/// The blocks of the file, and the number of blocks that have arrived when the disk is full.
const BLOCKS: usize = 6;
const BLOCKS_BEFORE: usize = 3;
const BLOCK: usize = 1024 * 1024;

/// The longest time of an answer that is promised within a second, and of the recovery, on a busy machine.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);
const COMEBACK_TIME_MAX: Duration = Duration::from_secs(10);

/// The answers that the senders got.
#[derive(Debug, Clone, Default)]
struct SendResults {
    acknowledged: BTreeMap<String, String>,
    refused: BTreeSet<String>,
    slowest: Duration,
}

/// Users that send continuously.
struct Senders {
    tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
    results: watch::Receiver<SendResults>,
}

impl Senders {
    async fn start(server: &Server) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (told, results) = watch::channel(SendResults::default());
        let told = Arc::new(told);
        let mut tasks = JoinSet::new();
        for name in SENDERS {
            let sender = device(server, name).await;
            tasks.spawn(send(sender, name, Arc::clone(&told), stopped.clone()));
        }
        Self { tasks, stop, results }
    }

    /// Waits until `count` has increased by some, and returns the time that this took.
    async fn more(&mut self, what: &str, count: impl Fn(&SendResults) -> usize) -> Duration {
        let (begun, before) = (Instant::now(), count(&self.results.borrow()));
        let more = self.results.wait_for(|results| count(results) >= before + 5);
        timeout(DEADLINE, more).await.unwrap_or_else(|_| panic!("not in time: {what}")).unwrap();
        begun.elapsed()
    }

    async fn acknowledged(&mut self) -> Duration {
        self.more("acknowledgements", |results| results.acknowledged.len()).await
    }

    async fn refused(&mut self) -> Duration {
        self.more("refusals", |results| results.refused.len()).await
    }

    async fn stop(mut self) -> SendResults {
        self.stop.send_replace(true);
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
        self.results.borrow().clone()
    }
}

/// Sends one message after the other, each once, whether or not it is answered.
async fn send(
    sender: Client,
    name: &str,
    told: Arc<watch::Sender<SendResults>>,
    stopped: watch::Receiver<bool>,
) {
    let mut pace = interval(SEND_EVERY);
    for number in 0.. {
        pace.tick().await;
        if *stopped.borrow() {
            return;
        }
        let said = format!("{name} {number}");
        let padded = format!("{said:MESSAGE_BYTES$}");
        let asked = Instant::now();
        let answer = sender.send(user("reader"), text(&padded)).await;
        told.send_modify(|results| {
            results.slowest = results.slowest.max(asked.elapsed());
            match answer {
                Ok(message) => _ = results.acknowledged.insert(said, message.id.to_string()),
                Err(CallError::Refused(Refusal::ServerFull { .. })) => {
                    results.refused.insert(said);
                }
                other => panic!("{said}: {other:?}"),
            }
        });
    }
}

/// The messages of the reader, the oldest first, at most `limit`.
async fn read(reader: &Client, limit: u32) -> Vec<Message> {
    let selection = Selection::Newest(limit);
    let query = HistoryQuery { log: Log::Inbox, selection, from: None, before: None };
    in_time(reader.history(query)).await.unwrap().messages
}

/// An upload of which some blocks are sent.
struct StartedUpload {
    id: ClientId,
    bytes: Vec<u8>,
    answer: RecvStream,
    file: SendStream,
}

impl StartedUpload {
    /// Offers the file. Returns the number of blocks that the server has already.
    async fn offer(raw: &RawConnection, id: ClientId, transfer: u64) -> (Self, u64) {
        let (bytes, transfer) = (noise(BLOCKS * BLOCK), TransferId(transfer));
        let size = u64::try_from(bytes.len()).unwrap();
        let mut answer =
            ask(raw, Upload { id, to: user("reader"), name: "film".into(), size, transfer }).await;
        let opening = told(&mut answer).await.unwrap();
        let UploadOpening::SendFile { kept } = opening else { panic!("{opening:?}") };
        let mut file = in_time(raw.connection.open_uni()).await.unwrap();
        in_time(file.write_all(&frame::encode_frame(&FileHeader { transfer }))).await.unwrap();
        (Self { id, bytes, answer, file }, kept)
    }

    /// Sends these blocks, or as many as the server accepts.
    async fn send(&mut self, blocks: std::ops::Range<usize>) {
        for index in blocks {
            let header = frame::encode_frame(&BlockHeader::Block(index.try_into().unwrap()));
            let bytes = &self.bytes[index * BLOCK..(index + 1) * BLOCK];
            if in_time(self.file.write_all(&[&header[..], bytes].concat())).await.is_err() {
                return;
            }
        }
    }

    async fn end(mut self) -> Result<Message, Refusal> {
        let end = BlockHeader::End(Digest(blake3::hash(&self.bytes).into()));
        let _ = in_time(self.file.write_all(&frame::encode_frame(&end))).await;
        let _ = self.file.finish();
        told(&mut self.answer).await
    }

    async fn verdict(mut self) -> (Result<Message, Refusal>, ClientId) {
        (told(&mut self.answer).await, self.id)
    }
}

/// Sends a command, and returns the stream of its answer.
async fn ask(raw: &RawConnection, command: impl Command) -> RecvStream {
    let (mut question, answer) = raw.stream().await;
    let request: Request = command.into();
    in_time(question.write_all(&frame::encode_frame(&request))).await.unwrap();
    question.finish().unwrap();
    answer
}

async fn told<T: DeserializeOwned>(answer: &mut RecvStream) -> Result<T, Refusal> {
    in_time(frame::read(answer, ANSWER_BYTES_MAX)).await.unwrap()
}

/// Checks that reading works, and that writing is refused with the right code.
async fn check_reading(
    (server, check): (&Server, FreeSpaceCheck),
    (reader, session): (&Client, &Reconnect),
    film: &StoredName,
) {
    let messages = read(reader, 10).await;
    assert_eq!(messages.len(), 10);
    let folder = tempfile::tempdir().unwrap();
    let name = film.as_str();
    let fetched = reader.download(Log::Inbox, name, folder.path(), Progress::none()).await;
    assert_eq!(std::fs::read(fetched.unwrap().path).unwrap(), noise(BLOCKS * BLOCK));
    assert!(in_time(reader.users()).await.unwrap().len() >= SENDERS.len());
    in_time(resume(session)).await.close().await;
    let marked = in_time(reader.mark_read(Log::Inbox, &messages)).await;
    check.check_refused(&marked);
    let made = in_time(reader.make_group("lab".parse().unwrap())).await;
    check.check_refused(&made);
    let visitor = connect(server).await;
    let password = Password::try_from(PASSWORD.to_owned()).unwrap();
    let registered = in_time(visitor.register("dave".parse().unwrap(), password)).await;
    check.check_refused(&registered);
}

/// Checks that each acknowledged message is there once with its id, and that no refused message is there.
async fn check_kept(reader: &Client, results: &SendResults) {
    let mut found = BTreeMap::new();
    for message in read(reader, u32::MAX).await {
        let Body::Text(text) = &message.body else { continue };
        let said = text.as_str().trim_end().to_owned();
        let earlier = found.insert(said.clone(), message.id.to_string());
        assert_eq!(earlier, None, "{said} is there twice");
    }
    let lost: Vec<_> =
        results.acknowledged.iter().filter(|(said, id)| found.get(*said) != Some(id)).collect();
    assert!(lost.is_empty(), "acknowledged and not there: {lost:?}");
    let surplus: Vec<_> = results.refused.iter().filter(|said| found.contains_key(*said)).collect();
    assert!(surplus.is_empty(), "refused and there: {surplus:?}");
}

/// Whether the server can measure the free space of its disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FreeSpaceCheck {
    /// The server measures its free space, and refuses changes before the disk is full.
    Enabled,
    /// The store is on another disk than the data folder, and nothing is kept free: commits meet the full
    /// disk.
    Disabled,
}

impl FreeSpaceCheck {
    /// Checks the refusal of a change on a full disk. If nothing is kept free, the change may also be made,
    /// in unused pages of the database file.
    #[track_caller]
    fn check_refused<T: std::fmt::Debug>(self, answer: &Result<T, CallError>) {
        let is_full = matches!(answer, Err(CallError::Refused(Refusal::ServerFull { .. })));
        let is_known = match answer {
            Ok(_) => true,
            Err(CallError::Refused(refusal)) => !matches!(refusal, Refusal::Internal(_)),
            Err(_) => false,
        };
        assert!(is_full || (self == Self::Disabled && is_known), "{answer:?}");
    }
}

/// A server with its folders on the small disk.
fn start(disk: &mut SmallDisk, check: FreeSpaceCheck) -> (Server, Vec<String>) {
    let folder = ServerFolder::new();
    let (data, upload) = match check {
        FreeSpaceCheck::Enabled => (disk.path("data"), disk.path("upload")),
        FreeSpaceCheck::Disabled => (folder.path().join("data"), disk.path("upload")),
    };
    let min_free = if check == FreeSpaceCheck::Enabled { MIN_FREE } else { 0 }.to_string();
    let path = |path: PathBuf| path.to_str().unwrap().to_owned();
    let arguments: Vec<_> = [
        "--data".into(),
        path(data),
        "--upload".into(),
        path(upload),
        "--min-free".into(),
        min_free,
    ]
    .into();
    let start = |folder| {
        Server::in_folder(folder, &arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    if check == FreeSpaceCheck::Enabled {
        return (start(folder), arguments);
    }
    let (_, folder) = start(folder).into_log();
    disk.lend(&folder.store());
    (start(folder), arguments)
}

/// Fills the disk while users send and a file is uploaded, and frees space again.
async fn check_full_disk(check: FreeSpaceCheck) {
    let Some(mut disk) = SmallDisk::mount(DISK_BYTES) else { return };
    let times = std::env::var("QCHAT_FULL_DISKS").map_or(2, |times| times.parse().unwrap());
    let (server, arguments) = start(&mut disk, check);
    let resumed = session(&server, "reader", server.address).await;
    let reader = resume(&resumed).await;
    let mut senders = Senders::start(&server).await;
    let raw = RawConnection::connect(&server).await;
    let token = session(&server, "alice", server.address).await.token;
    raw.ask(Resume { token }).await.unwrap();
    let (mut film, _) = StartedUpload::offer(&raw, ClientId::random(), 0).await;
    film.send(0..BLOCKS).await;
    let Body::File(film) = film.end().await.unwrap().body else { panic!("no file") };

    for round in 1..=times {
        let (mut halfway, _) = StartedUpload::offer(&raw, ClientId::random(), 2 * round).await;
        halfway.send(0..BLOCKS_BEFORE).await;
        senders.acknowledged().await;
        let filler = disk.filler();
        block_in_place(|| filler.take_all());
        let refused = senders.refused().await;
        let begun = Instant::now();
        check_reading((&server, check), (&reader, &resumed), &film.name).await;
        let read = begun.elapsed();
        halfway.send(BLOCKS_BEFORE..BLOCKS).await;
        let (verdict, id) = halfway.verdict().await;
        assert_eq!(verdict.map_err(|refusal| refusal.code()), Err(Code::ServerFull));
        drop(filler);
        let comeback = senders.acknowledged().await;
        println!("{check:?}: refused {refused:?}, read {read:?}, back after {comeback:?}");
        assert!(comeback < COMEBACK_TIME_MAX, "{comeback:?}");
        // The upload continues with the blocks that the server has.
        let (mut rest, kept) = StartedUpload::offer(&raw, id, 2 * round + 1).await;
        let kept = usize::try_from(kept).unwrap();
        assert!((BLOCKS_BEFORE..BLOCKS).contains(&kept), "{kept}");
        let values: BlockHashes = told(&mut rest.answer).await.unwrap();
        assert_eq!(values.len(), kept);
        rest.send(kept..BLOCKS).await;
        rest.end().await.unwrap();
    }
    let results = senders.stop().await;
    assert!(results.slowest < ANSWER_TIME_MAX, "{:?}", results.slowest);
    check_kept(&reader, &results).await;
    let (log, folder) = server.into_log();
    let failures = log.matches("the store's disk failed").count();
    let (acknowledged, refused) = (results.acknowledged.len(), results.refused.len());
    println!(
        "{acknowledged} acknowledged, {refused} refused, after {:?} at the most",
        results.slowest
    );
    println!("{failures} commits met a full disk");
    assert!(check == FreeSpaceCheck::Enabled || failures > 0);

    // The server starts also on a full disk.
    let filler = disk.filler();
    filler.take_all();
    let server =
        Server::in_folder(folder, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let address = server.address.to_string().parse().unwrap();
    let reader = resume(&Reconnect { server: address, ..resumed }).await;
    check_kept(&reader, &results).await;
    let note = || reader.send(user("reader"), text("a note"));
    check.check_refused(&in_time(note()).await);
    drop(filler);
    in_time(note()).await.unwrap();
    let files = files_below(&disk.path("upload"));
    let is_part = |path: &&PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with('.');
    assert_eq!(files.iter().filter(is_part).count(), 0);
    assert_eq!(u64::try_from(files.len()).unwrap(), 1 + times);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_loses_nothing_and_stops_no_reader_and_the_server_recovers() {
    check_full_disk(FreeSpaceCheck::Enabled).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_becomes_full_during_commits_loses_nothing_and_the_server_recovers() {
    check_full_disk(FreeSpaceCheck::Disabled).await;
}
