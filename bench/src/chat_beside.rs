//! The latency of sends beside a file on the same connection, on loopback and on a slow link.

use std::path::{Path as File, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use qchat_client::{Address, Body, Client, Log, Progress, TransferEvent};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::interval;

use crate::figures::{Report, Row};
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
}

pub(crate) async fn measure(
    arguments: &ChatArgs,
    stage: &Stage,
    report: &mut Report,
) -> anyhow::Result<()> {
    let server = stage.server("chat")?;
    let folder = stage.folder("chat-files")?;
    let file = folder.join("big.bin");
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
        for beside in [Beside::Nothing, Beside::Upload, Beside::Download] {
            let client = sign_in(&server, address, &alice).await?;
            let talk = Talk { client, to: bob.address(), sends };
            let files = Files { upload: file.clone(), stored: stored.name.as_str().to_owned() };
            let row = talk.measure(beside, files, &folder).await?;
            report.add(Row::new(format!("{link}, {}", beside.name())).waits(row));
            talk.client.close().await;
        }
    }
    Ok(())
}

async fn sign_in(
    server: &Server,
    address: std::net::SocketAddr,
    person: &Person,
) -> anyhow::Result<Client> {
    let client = Client::connect(&address.to_string().parse()?, server.trust()).await?;
    client.resume(person.token.clone()).await?;
    Ok(client)
}

impl Beside {
    fn name(self) -> &'static str {
        match self {
            Self::Nothing => "idle",
            Self::Upload => "during an upload",
            Self::Download => "during a download",
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
}

impl Talk {
    async fn measure(
        &self,
        beside: Beside,
        files: Files,
        folder: &File,
    ) -> anyhow::Result<Vec<Duration>> {
        let transfer = match beside {
            Beside::Nothing => None,
            _ => Some(self.under_way(beside, files, folder.to_owned()).await?),
        };
        let waits = self.sends().await;
        if let Some(transfer) = transfer {
            anyhow::ensure!(!transfer.is_finished(), "the transfers failed");
            transfer.abort();
        }
        waits
    }

    /// Runs one transfer after the other until aborted. Returns after the first has begun.
    async fn under_way(
        &self,
        beside: Beside,
        files: Files,
        folder: PathBuf,
    ) -> anyhow::Result<JoinHandle<anyhow::Result<()>>> {
        let (moved, mut moving) = mpsc::unbounded_channel();
        let (client, to) = (self.client.clone(), self.to.clone());
        let transfers = tokio::spawn(async move {
            loop {
                let progress = telling(moved.clone());
                if beside == Beside::Upload {
                    client.send_file(to.clone(), &files.upload, progress).await?;
                } else {
                    client.download(Log::Inbox, &files.stored, &folder, progress).await?;
                }
            }
        });
        let mut bytes = 0;
        while bytes < MOVED_MIN {
            let more = in_time("a transfer", moving.recv()).await?;
            bytes += more.context("the transfer ended too early")?;
        }
        Ok(transfers)
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
