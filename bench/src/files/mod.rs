//! File transfers of the real programs, compared with transport, disk and scp in one run.

mod client;
mod disk;
mod raw;
mod scp;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

pub(crate) use disk::fill;
pub(crate) use raw::{RawArgs, raw_end};

use crate::figures::{Report, Row, float, median};
use crate::people::Person;
use crate::process::Process;
use crate::server::Stage;
use client::RealClient;
use scp::Scp;

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
}

/// One transfer.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Transfer {
    pub(crate) bytes: u64,
    pub(crate) time: Duration,
    /// Sender and receiver, if both are known.
    pub(crate) sides: Option<[Side; 2]>,
}

/// Processor time and memory of a transfer on one side.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Side {
    pub(crate) cpu: Duration,
    /// The peak of the memory, in bytes.
    pub(crate) peak: u64,
    /// The memory before any transfer.
    pub(crate) idle: u64,
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
    let server = stage.server("server")?;
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
        std::fs::remove_file(server.folder.join("upload").join(name))?;
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

const MEBIBYTE: f64 = 1024.0 * 1024.0;
const SENDER: [&str; 3] = ["sender", "peak", "above idle"];
const RECEIVER: [&str; 3] = ["receiver", "its peak", "its above idle"];

fn goodput(all: &[Transfer]) -> f64 {
    median(all.iter().map(Transfer::megabytes_per_second).collect())
}

impl Transfer {
    fn megabytes_per_second(&self) -> f64 {
        float(self.bytes) / 1e6 / self.time.as_secs_f64()
    }

    fn cpu_seconds_per_gibibyte(&self, side: &Side) -> f64 {
        side.cpu.as_secs_f64() * 1024.0 * MEBIBYTE / float(self.bytes)
    }
}

impl Side {
    fn growth(&self) -> f64 {
        (float(self.peak) - float(self.idle)) / MEBIBYTE
    }
}

/// A process before a transfer.
struct Before {
    process: Process,
    idle: u64,
    cpu: Duration,
}

impl Before {
    /// Notes the processor time so far, and resets the peak of the memory.
    fn of(process: Process, idle: u64) -> anyhow::Result<Self> {
        process.reset_peak()?;
        Ok(Self { process, idle, cpu: process.cpu()? })
    }

    fn side(&self) -> anyhow::Result<Side> {
        let cpu = self.process.cpu()?.saturating_sub(self.cpu);
        Ok(Side { cpu, peak: self.process.memory()?.peak, idle: self.idle })
    }
}

/// The path of a file, as an argument.
fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().ok_or_else(|| anyhow::anyhow!("{} is no text", path.display()))
}
