//! A stopped reader for which many messages arrive, compared with one that reads.
//!
//! Both are bare connections with the default windows of quinn, on fresh servers. The difference of memory
//! between the two servers is the cost of the stopped reader. Most memory of both is the cache of the store,
//! which fills with written pages up to 64 MiB.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use qchat_proto::command::{Login, Watch};
use qchat_proto::limits::ANSWER_BYTES_MAX;
use qchat_proto::{BoundedVec, Refusal, Request, frame};
use quinn::{Connection, RecvStream};
use tokio::task::JoinSet;

use crate::bare::Bare;
use crate::figures::{Report, Row};
use crate::people::{Person, crowd, in_time, joined, password};
use crate::process::Memory;
use crate::server::{Server, Stage};

const SENDERS: usize = 64;
const MESSAGE_BYTES: usize = 200;
const TIME_MAX: Duration = Duration::from_secs(240);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reader {
    Reads,
    Stopped,
}

pub(super) async fn measure(
    stage: &Stage,
    report: &mut Report,
    messages: usize,
) -> anyhow::Result<()> {
    let reads = run(stage, report, messages, Reader::Reads).await?;
    let stopped = run(stage, report, messages, Reader::Stopped).await?;
    let row = Row::new("what the stopped reader costs");
    report.add(row.growth("now", reads.0, stopped.0).growth("peak", reads.1, stopped.1));
    Ok(())
}

/// The growth of the server while the messages arrive: at the end, and at the peak.
async fn run(
    stage: &Stage,
    report: &mut Report,
    messages: usize,
    reader: Reader,
) -> anyhow::Result<(u64, u64)> {
    let name = match reader {
        Reader::Reads => "reads",
        Reader::Stopped => "stopped",
    };
    let server = stage.server(name)?;
    let senders = crowd(&server, SENDERS).await?;
    let carol = Person::register(&server, "carol").await?;
    let bare = Bare::connect(&server)?.await?;
    let watched = watch(&bare.connection, &carol).await?;
    // A reader reads in a task. A stopped reader only holds the stream.
    let (_held, _reading) = match reader {
        Reader::Reads => (None, Some(tokio::spawn(read(watched)))),
        Reader::Stopped => (Some(watched), None),
    };
    let before = server.process().memory()?;
    server.process().reset_peak()?;
    let begun = Instant::now();
    let sent = send(senders, &carol, messages).await?;
    let after = server.process().memory()?;
    report.add(row(&server, reader, sent, begun.elapsed(), before, after)?);
    let grown = |now: u64| now.saturating_sub(before.resident);
    Ok((grown(after.resident), grown(after.peak)))
}

fn row(
    server: &Server,
    reader: Reader,
    sent: usize,
    time: Duration,
    before: Memory,
    after: Memory,
) -> anyhow::Result<Row> {
    let store = std::fs::metadata(server.folder.join("data/qchat.redb"))?.len();
    let name = match reader {
        Reader::Reads => "server whose reader reads",
        Reader::Stopped => "server whose reader stopped",
    };
    Ok(Row::new(name)
        .count("messages", sent.try_into()?)
        .seconds("in", time)
        .mebibytes("before", before.resident)
        .growth("growth", before.resident, after.resident)
        .growth("peak growth", before.resident, after.peak)
        .mebibytes("store", store)
        .count("threads", after.threads))
}

/// Signs in and watches. Returns the stream of events.
async fn watch(connection: &Connection, person: &Person) -> anyhow::Result<RecvStream> {
    let login = Login { user: person.name.clone(), password: password() };
    let mut answer = ask(connection, login.into()).await?;
    let read = frame::read::<Result<qchat_proto::command::SignedIn, Refusal>>(
        &mut answer,
        ANSWER_BYTES_MAX,
    );
    in_time("signing in", read).await???;
    ask(connection, Watch { cursors: BoundedVec::first_of(Vec::new()) }.into()).await
}

async fn ask(connection: &Connection, request: Request) -> anyhow::Result<RecvStream> {
    let (mut send, receive) = in_time("a stream", connection.open_bi()).await??;
    send.write_all(&frame::encode_frame(&request)).await?;
    send.finish()?;
    Ok(receive)
}

async fn read(mut stream: RecvStream) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(Some(_)) = stream.read(&mut buffer).await {}
}

/// Sends this many messages as fast as they are answered. Returns the number that were sent in time.
async fn send(senders: Vec<Person>, to: &Person, messages: usize) -> anyhow::Result<usize> {
    let taken = std::sync::Arc::new(AtomicUsize::new(0));
    let begun = Instant::now();
    let mut sending = JoinSet::new();
    for sender in senders {
        let (to, taken) = (to.address(), std::sync::Arc::clone(&taken));
        sending.spawn(async move {
            let mut sent = 0_usize;
            while begun.elapsed() < TIME_MAX && taken.fetch_add(1, Ordering::Relaxed) < messages {
                sender.send(&to, "x".repeat(MESSAGE_BYTES)).await?;
                sent += 1;
            }
            anyhow::Ok(sent)
        });
    }
    let mut sent = 0;
    while let Some(of_one) = joined(&mut sending).await? {
        sent += of_one;
    }
    Ok(sent)
}
