//! Files over simulated paths: how much of each they use.

use std::time::{Duration, Instant};

use clap::Args;
use qchat_client::{Body, Client, Log, Progress};

use crate::figures::{Report, Row, float, median};
use crate::people::{Person, in_time};
use crate::relay::{Path, Relay, SLOW};
use crate::server::Stage;

/// A hotel's Wi-Fi: every fiftieth datagram is lost, however fast they come.
const LOSSY: Path = Path {
    bytes_per_second: Some(30_000_000 / 8),
    delay: Duration::from_millis(30),
    queue_max: Duration::from_millis(100),
    lost_one_in: Some(50),
};

/// 300 Mbit/s from the other side of an ocean.
const LONG: Path = Path {
    bytes_per_second: Some(300_000_000 / 8),
    delay: Duration::from_millis(50),
    queue_max: Duration::from_millis(50),
    lost_one_in: None,
};

/// How much is measured.
#[derive(Debug, Args)]
pub(crate) struct PathsArgs {
    /// How many rounds, of which the medians are shown
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

pub(crate) async fn measure(
    arguments: &PathsArgs,
    stage: &Stage,
    report: &mut Report,
) -> anyhow::Result<()> {
    let server = stage.server("paths")?;
    let folder = stage.folder("paths-files")?;
    let alice = Person::register(&server, "alice").await?;
    for (name, path, mebibytes) in [
        ("10 Mbit/s, 40 ms, 100 ms of queue", SLOW, 8_u64),
        ("30 Mbit/s, 60 ms, 2 % lost", LOSSY, 16),
        ("300 Mbit/s, 100 ms, 50 ms of queue", LONG, 256),
    ] {
        let bytes = mebibytes * 1024 * 1024;
        let file = folder.join("sent.bin");
        crate::files::fill(&file, bytes)?;
        let (mut ups, mut downs) = (Vec::new(), Vec::new());
        for _ in 0..arguments.rounds {
            // A new connection, which knows nothing of its path yet.
            let relay = Relay::start(server.address, path).await?;
            let address = relay.address.to_string().parse()?;
            let client = Client::connect(&address, server.trust()).await?;
            client.resume(alice.token.clone()).await?;
            let begun = Instant::now();
            let sending = client.send_file(alice.address(), &file, Progress::none());
            let Body::File(stored) = in_time("a file", sending).await??.body else {
                anyhow::bail!("a file became a text")
            };
            ups.push(megabits(bytes, begun.elapsed()));
            let begun = Instant::now();
            let name = stored.name.as_str();
            let fetching = client.download(Log::Inbox, name, &folder, Progress::none());
            let fetched = in_time("a file", fetching).await??;
            downs.push(megabits(bytes, begun.elapsed()));
            std::fs::remove_file(fetched.path)?;
            client.close().await;
        }
        let row = Row::new(name).figure("upload", median(ups), "Mbit/s");
        report.add(row.figure("download", median(downs), "Mbit/s"));
    }
    Ok(())
}

fn megabits(bytes: u64, time: Duration) -> f64 {
    float(bytes) * 8e-6 / time.as_secs_f64()
}
