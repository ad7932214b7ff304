//! File transfers of the real programs, compared with transport, disk and scp in one run.

mod client;
mod disk;
mod raw;
mod scp;
mod transfer;

use std::path::PathBuf;

use clap::Args;

pub(crate) use disk::fill;
pub(crate) use raw::{RawArgs, raw_end};

use crate::figures::{Report, Row, float, median};
use crate::people::Person;
use crate::server::Stage;
use client::RealClient;
use scp::Scp;
use transfer::{MEBIBYTE, Side, Transfer};

/// The extent of the measurement.
#[derive(Debug, Args)]
pub(crate) struct FilesArgs {
    /// Number of rounds, of which the medians are shown
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Size of the file in MiB
    #[arg(long, default_value_t = 1024)]
    mebibytes: u64,
    /// sshd to compare with [default: that of the system, if there is one]
    #[arg(long, value_name = "FILE")]
    sshd: Option<PathBuf>,
    /// Bucket for the files of the server instead of a folder; the AWS_ variables tell the rest
    #[arg(long, value_name = "URL")]
    bucket: Option<String>,
}

/// One transfer of each kind in each round.
#[derive(Debug, Default)]
struct Rounds {
    raw: Vec<Transfer>,
    disk: Vec<Transfer>,
    upload: Vec<Transfer>,
    download: Vec<Transfer>,
    scp: Vec<Transfer>,
}

pub(crate) async fn measure(
    arguments: &FilesArgs,
    stage: &Stage,
    report: &mut Report,
) -> anyhow::Result<()> {
    let bytes = arguments.mebibytes * 1024 * 1024;
    let folder = stage.folder("files")?;
    let file = folder.join("big.bin");
    disk::fill(&file, bytes)?;
    let server = match &arguments.bucket {
        Some(bucket) => stage.server_with("server", &["--files", bucket])?,
        None => stage.server("server")?,
    };
    for name in ["alice", "bob"] {
        Person::register(&server, name).await?.client.close().await;
    }
    let mut alice = RealClient::start(&server, stage, "alice")?;
    let mut bob = RealClient::start(&server, stage, "bob")?;
    let scp = Scp::start(&folder, arguments.sshd.as_deref());
    let mut rounds = Rounds::default();
    for round in 1..=arguments.rounds {
        rounds.raw.push(raw::transfer(&folder, bytes)?);
        rounds.disk.push(disk::write(&folder, bytes)?);
        let (sent, name) = alice.send(&server, &file, bytes)?;
        rounds.upload.push(sent);
        rounds.download.push(bob.download(&server, &name, bytes)?);
        if arguments.bucket.is_none() {
            std::fs::remove_file(server.folder.join("upload").join(name))?;
        }
        if let Ok(scp) = &scp {
            rounds.scp.push(scp.copy(&file, bytes)?);
        }
        report.add(rounds.last(round));
    }
    rounds.tell(report);
    if let Err(reason) = scp {
        report.add(Row::new("scp").note(format!("not measured: {reason:#}")));
    }
    Ok(())
}

impl Rounds {
    fn kinds(&self) -> [(&'static str, &Vec<Transfer>); 5] {
        [
            ("raw quinn", &self.raw),
            ("disk", &self.disk),
            ("upload", &self.upload),
            ("download", &self.download),
            ("scp", &self.scp),
        ]
    }

    fn last(&self, round: usize) -> Row {
        let measured = self.kinds().into_iter().filter_map(|(name, all)| Some((name, all.last()?)));
        measured.fold(Row::new(format!("round {round}")), |row, (name, last)| {
            row.figure(name, last.megabytes_per_second(), "MB/s")
        })
    }

    /// The medians and their ratios.
    fn tell(&self, report: &mut Report) {
        for (name, all) in self.kinds().into_iter().filter(|(_, all)| !all.is_empty()) {
            let mut row = Row::new(name).figure("goodput", goodput(all), "MB/s");
            for (side, [cpu, peak, growth]) in [SENDER, RECEIVER].into_iter().enumerate() {
                let of = |figure: fn(&Transfer, &Side) -> f64| {
                    let sides = all.iter().filter_map(|one| Some((one, one.sides.as_ref()?)));
                    let figures =
                        sides.filter_map(|(one, sides)| Some(figure(one, sides.get(side)?)));
                    median(figures.collect())
                };
                if all.iter().any(|one| one.sides.is_some()) {
                    row = row.figure(cpu, of(Transfer::cpu_seconds_per_gibibyte), "CPU s/GiB");
                    row = row.figure(peak, of(|_, side| float(side.peak) / MEBIBYTE), "MiB");
                    row = row.figure(growth, of(|_, side| side.growth()), "MiB");
                }
            }
            report.add(row);
        }
        let [raw, disk] = [goodput(&self.raw), goodput(&self.disk)];
        let row = Row::new("ratios");
        let row = row.figure("download / raw quinn", goodput(&self.download) / raw, "");
        let row = row.figure("upload / slower limit", goodput(&self.upload) / raw.min(disk), "");
        let scp = goodput(&self.scp);
        report.add(match self.scp.is_empty() {
            true => row,
            false => row.figure("upload / scp", goodput(&self.upload) / scp, "").figure(
                "download / scp",
                goodput(&self.download) / scp,
                "",
            ),
        });
    }
}

const SENDER: [&str; 3] = ["sender", "peak", "above idle"];
const RECEIVER: [&str; 3] = ["receiver", "its peak", "its above idle"];

fn goodput(all: &[Transfer]) -> f64 {
    median(all.iter().map(Transfer::megabytes_per_second).collect())
}
