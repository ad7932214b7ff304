//! The latency of sends beside files, of the same connection and of another user, on loopback and on a slow link.

use std::path::{Path as File, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use qchat_client::{Address, Body, Client, Log, Progress, ServerAddress, TransferEvent};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::interval;

use crate::figures::{self, Report, Row};
use crate::people::{Person, in_time, joined};
use crate::relay::{Relay, SLOW};
use crate::server::{Server, Stage};

/// The interval of sends: twenty in a second.
const PAUSE: Duration = Duration::from_millis(50);

/// The sends begin after the file has moved this many bytes.
const MOVED_MIN: u64 = 256 * 1024;

/// The extent of the measurement.
#[derive(Debug, Args)]
pub(crate) struct ChatArgs {
    /// Length of each part, in seconds
    #[arg(long, default_value_t = 15)]
    seconds: u32,
    /// Size of the file in MiB
    #[arg(long, default_value_t = 512)]
    mebibytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beside {
    Nothing,
    Upload,
    Download,
    OthersUploads,
}

/// How many files another user uploads at a time.
const OTHERS_UPLOADS: usize = 4;

pub(crate) async fn measure(
    arguments: &ChatArgs,
    stage: &Stage,
    report: &mut Report,
) -> anyhow::Result<()> {
    let server = stage.server("chat")?;
    let file = stage.folder("chat-files")?.join("big.bin");
    // A folder that holds the file already would get no download.
    let folder = stage.folder("chat-downloads")?;
    crate::files::fill(&file, arguments.mebibytes * 1024 * 1024)?;
    let alice = Person::register(&server, "alice").await?;
    let bob = Person::register(&server, "bob").await?;
    let to_alice = alice.address();
    let sent = in_time("a file", bob.client.send_file(to_alice, &file, Progress::none())).await??;
    let Body::File(stored) = sent.body else { anyhow::bail!("a file became a text") };
    let sends = arguments.seconds * 20;
    for link in ["loopback", "10 Mbit/s, 40 ms"] {
        let relay = Relay::start(server.address, SLOW).await?;
        let address = if link == "loopback" { server.address } else { relay.address };
        for beside in [Beside::Nothing, Beside::Upload, Beside::Download, Beside::OthersUploads] {
            if beside == Beside::OthersUploads && link != "loopback" {
                // On the slow link both users wait for the link, and not for the disk.
                continue;
            }
            let client = sign_in(&server, address, &alice).await?;
            let other = sign_in(&server, address, &bob).await?;
            let (to, own) = (bob.address(), alice.address());
            let talk = Talk { client, to, sends, other, own };
            let files = Files { upload: file.clone(), stored: stored.name.as_str().to_owned() };
            let (waits, moved) = talk.measure(beside, files, &folder).await?;
            let row = Row::new(format!("{link}, {}", beside.name())).waits(waits);
            let per_second = figures::mebibytes(moved) / f64::from(arguments.seconds);
            report.add(row.figure("files", per_second, "MiB/s"));
            talk.client.close().await;
            talk.other.close().await;
        }
    }
    Ok(())
}

async fn sign_in(
    server: &Server,
    address: std::net::SocketAddr,
    person: &Person,
) -> anyhow::Result<Client> {
    let client =
        Client::connect(&address.to_string().parse::<ServerAddress>()?, server.trust()).await?;
    client.resume(person.token.clone()).await?;
    Ok(client)
}

impl Beside {
    fn name(self) -> &'static str {
        match self {
            Self::Nothing => "idle",
            Self::Upload => "during an upload",
            Self::Download => "during a download",
            Self::OthersUploads => "during another's uploads",
        }
    }
}

/// The transfer beside the sends.
#[derive(Clone)]
struct Files {
    upload: PathBuf,
    stored: String,
}

/// A user who sends, and the transfer on the same connection.
struct Talk {
    client: Client,
    to: Address,
    sends: u32,
    /// The connection of another user, whose files go to `own`.
    other: Client,
    own: Address,
}

impl Talk {
    async fn measure(
        &self,
        beside: Beside,
        files: Files,
        folder: &File,
    ) -> anyhow::Result<(Vec<Duration>, u64)> {
        if beside == Beside::Nothing {
            return Ok((self.sends().await?, 0));
        }
        let (mut transfers, mut moving) = self.under_way(beside, files, folder.to_owned()).await?;
        let waits = self.sends().await?;
        anyhow::ensure!(transfers.try_join_next().is_none(), "the transfers failed");
        let moved = std::iter::from_fn(|| moving.try_recv().ok()).sum();
        transfers.shutdown().await;
        Ok((waits, moved))
    }

    /// Runs one transfer after the other until aborted. Returns after the first has begun.
    async fn under_way(
        &self,
        beside: Beside,
        files: Files,
        folder: PathBuf,
    ) -> anyhow::Result<(JoinSet<anyhow::Result<()>>, mpsc::UnboundedReceiver<u64>)> {
        let (moved, mut moving) = mpsc::unbounded_channel();
        let (client, to, count) = match beside {
            Beside::OthersUploads => (&self.other, &self.own, OTHERS_UPLOADS),
            _ => (&self.client, &self.to, 1),
        };
        let mut transfers = JoinSet::new();
        for _ in 0..count {
            let (client, to, files) = (client.clone(), to.clone(), files.clone());
            let (folder, moved) = (folder.clone(), moved.clone());
            transfers.spawn(async move {
                loop {
                    let progress = telling(moved.clone());
                    if beside == Beside::Download {
                        let download =
                            client.download(Log::Inbox, &files.stored, &folder, progress);
                        // A file that is still there is not fetched again.
                        std::fs::remove_file(download.await?.path)?;
                    } else {
                        client.send_file(to.clone(), &files.upload, progress).await?;
                    }
                }
            });
        }
        drop(moved);
        let mut bytes = 0;
        while bytes < MOVED_MIN {
            match in_time("a transfer", moving.recv()).await? {
                Some(more) => bytes += more,
                None => joined(&mut transfers).await?.context("the transfers ended")?,
            }
        }
        Ok((transfers, moving))
    }

    /// Sends at a steady rate, without a wait for the answers.
    async fn sends(&self) -> anyhow::Result<Vec<Duration>> {
        let mut pace = interval(PAUSE);
        let mut sending = JoinSet::new();
        for _ in 0..self.sends {
            pace.tick().await;
            let (client, to) = (self.client.clone(), self.to.clone());
            sending.spawn(async move {
                let called = Instant::now();
                client.send(to, "how are you?".to_owned().try_into()?).await?;
                anyhow::Ok(called.elapsed())
            });
        }
        let mut waits = Vec::new();
        while let Some(wait) = joined(&mut sending).await? {
            waits.push(wait);
        }
        Ok(waits)
    }
}

/// Reports the number of moved bytes until the receiver is dropped.
fn telling(moved: mpsc::UnboundedSender<u64>) -> Progress {
    Progress::new(move |event| {
        if let TransferEvent::Moved { bytes } = event {
            let _ = moved.send(bytes);
        }
    })
}
