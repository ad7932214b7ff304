//! Files over simulated paths: the share of the path that they use, and the share of competing traffic.

use std::path::Path;
use std::time::{Duration, Instant};

use clap::Args;
use qchat_client::{Body, Client, Log, Progress, ServerAddress};

use crate::figures::{Report, Row, float, median};
use crate::people::{Person, in_time};
use crate::relay::{self, Link, Relay, SLOW};
use crate::rival::Rival;
use crate::server::{Server, Stage};

const MEBIBYTE: u64 = 1024 * 1024;

/// The Wi-Fi of a hotel: each fiftieth datagram is lost, at any rate.
const LOSSY: relay::Path = relay::Path {
    bytes_per_second: Some(30_000_000 / 8),
    delay: Duration::from_millis(30),
    queue_max: Duration::from_millis(100),
    lost_one_in: Some(50),
};

/// 300 Mbit/s from the other side of an ocean.
const LONG: relay::Path = relay::Path {
    bytes_per_second: Some(300_000_000 / 8),
    delay: Duration::from_millis(50),
    queue_max: Duration::from_millis(50),
    lost_one_in: None,
};

/// The largest product of bandwidth and delay that the windows can fill.
const LONG_AND_FAST: relay::Path =
    relay::Path { bytes_per_second: Some(1_000_000_000 / 8), ..LONG };

/// The uplink of an office.
const OFFICE: relay::Path = relay::Path {
    bytes_per_second: Some(100_000_000 / 8),
    delay: Duration::from_millis(10),
    queue_max: Duration::from_millis(50),
    lost_one_in: None,
};

/// The extent of the measurement.
#[derive(Debug, Args)]
pub(crate) struct PathsArgs {
    /// Number of rounds, of which the medians are shown
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
    let traveller = Traveller { server: &server, alice: &alice, folder: &folder };
    for (name, path, mebibytes) in [
        ("10 Mbit/s, 40 ms, 100 ms of queue", SLOW, 8),
        ("30 Mbit/s, 60 ms, 2 % lost", LOSSY, 16),
        ("300 Mbit/s, 100 ms, 50 ms of queue", LONG, 256),
        ("1 Gbit/s, 100 ms, 50 ms of queue", LONG_AND_FAST, 1024),
    ] {
        let (mut ups, mut downs) = (Vec::new(), Vec::new());
        for _ in 0..arguments.rounds {
            let [up, down] = traveller.there_and_back(path, mebibytes).await?;
            ups.push(up);
            downs.push(down);
        }
        let row = Row::new(name).figure("upload", median(ups), "Mbit/s");
        report.add(row.figure("download", median(downs), "Mbit/s"));
    }
    for (name, path, mebibytes) in [
        ("10 Mbit/s, 40 ms, 100 ms of queue, beside Cubic", SLOW, 16),
        ("100 Mbit/s, 20 ms, 50 ms of queue, beside Cubic", OFFICE, 128),
    ] {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..arguments.rounds {
            let [our, their] = traveller.beside_cubic(path, mebibytes).await?;
            ours.push(our);
            theirs.push(their);
        }
        let row = Row::new(name).figure("upload", median(ours), "Mbit/s");
        report.add(row.figure("Cubic", median(theirs), "Mbit/s"));
    }
    Ok(())
}

/// A server, and a user who sends files over a path.
struct Traveller<'a> {
    server: &'a Server,
    alice: &'a Person,
    folder: &'a Path,
}

impl Traveller<'_> {
    /// Sends a file over a path and fetches it. Returns the Mbit/s of both.
    async fn there_and_back(&self, path: relay::Path, mebibytes: u64) -> anyhow::Result<[f64; 2]> {
        let link = Link::of(path);
        let (client, _relay) = self.connect(&link).await?;
        let (up, name) = self.send(&client, mebibytes).await?;
        let begun = Instant::now();
        let fetching = client.download(Log::Inbox, &name, self.folder, Progress::none());
        let fetched = in_time("a file", fetching).await??;
        let down = megabits(mebibytes * MEBIBYTE, begun.elapsed());
        std::fs::remove_file(fetched.path)?;
        client.close().await;
        Ok([up, down])
    }

    /// Sends a file over a path that competing traffic has filled before. Returns the Mbit/s of both during the
    /// transfer.
    async fn beside_cubic(&self, path: relay::Path, mebibytes: u64) -> anyhow::Result<[f64; 2]> {
        let link = Link::of(path);
        let rival = Rival::start(&link, self.folder).await?;
        let (client, _relay) = self.connect(&link).await?;
        while rival.received() < mebibytes * MEBIBYTE / 8 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let (before, begun) = (rival.received(), Instant::now());
        let (ours, _) = self.send(&client, mebibytes).await?;
        let theirs = megabits(rival.received() - before, begun.elapsed());
        client.close().await;
        Ok([ours, theirs])
    }

    /// A new connection, with no measurement of its path yet.
    async fn connect(&self, link: &Link) -> anyhow::Result<(Client, Relay)> {
        let relay = Relay::over(link, self.server.address).await?;
        let address: ServerAddress = relay.address.to_string().parse()?;
        let client = Client::connect(&address, self.server.trust()).await?;
        client.resume(self.alice.token.clone()).await?;
        Ok((client, relay))
    }

    /// Sends a file. Returns the Mbit/s and the stored name.
    async fn send(&self, client: &Client, mebibytes: u64) -> anyhow::Result<(f64, String)> {
        let file = self.folder.join("sent.bin");
        crate::files::fill(&file, mebibytes * MEBIBYTE)?;
        let begun = Instant::now();
        let sending = client.send_file(self.alice.address(), &file, Progress::none());
        let Body::File(stored) = in_time("a file", sending).await??.body else {
            anyhow::bail!("a file became a text")
        };
        let up = megabits(mebibytes * MEBIBYTE, begun.elapsed());
        Ok((up, stored.name.as_str().to_owned()))
    }
}

fn megabits(bytes: u64, time: Duration) -> f64 {
    float(bytes) * 8e-6 / time.as_secs_f64()
}
