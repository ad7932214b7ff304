//! Measures qchat, and compares the figures with the limits of the machine.
//!
//!     cargo run --release -p qchat-bench -- live
//!
//! Client and server are separate processes on loopback, the server is the real program, and
//! all files are in a temporary folder beside it. Nothing here is part of the shipped program.

mod bare;
mod chat_beside;
mod figures;
mod files;
mod live;
mod paths;
mod people;
mod process;
mod relay;
mod rival;
mod sends;
mod server;

use std::io::{Write, stderr};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::figures::Report;
use crate::server::Stage;

/// Measures qchat on this machine.
#[derive(Debug, Parser)]
#[command(max_term_width = 100)]
struct Bench {
    #[command(subcommand)]
    measurement: Measurement,
    /// Print one JSON object at the end instead of lines
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Measurement {
    /// Sends per second, beside the disk's sync rate
    Sends(sends::SendsArgs),
    /// Live delivery: latency, reconnection, changes of address, stopped readers, large groups
    Live(live::LiveArgs),
    /// Files, compared with transport, disk and scp
    Files(files::FilesArgs),
    /// Latency of sends beside a file on the same connection
    ChatBeside(chat_beside::ChatArgs),
    /// Files over simulated paths: slow, lossy, and fast with a long delay
    Paths(paths::PathsArgs),
    /// One end of a bare connection
    #[command(hide = true)]
    Raw(files::RawArgs),
}

fn main() -> ExitCode {
    match run(Bench::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(stderr(), "qchat-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(bench: Bench) -> anyhow::Result<()> {
    let is_json = bench.json;
    match bench.measurement {
        Measurement::Sends(arguments) => measure("sends", is_json, async |stage, report| {
            sends::measure(&arguments, stage, report).await
        }),
        Measurement::Live(arguments) => measure("live", is_json, async |stage, report| {
            live::measure(arguments, stage, report).await
        }),
        Measurement::Files(arguments) => measure("files", is_json, async |stage, report| {
            files::measure(&arguments, stage, report).await
        }),
        Measurement::ChatBeside(arguments) => {
            measure("chat-beside", is_json, async |stage, report| {
                chat_beside::measure(&arguments, stage, report).await
            })
        }
        Measurement::Paths(arguments) => measure("paths", is_json, async |stage, report| {
            paths::measure(&arguments, stage, report).await
        }),
        Measurement::Raw(arguments) => files::raw_end(&arguments),
    }
}

fn measure(
    name: &'static str,
    is_json: bool,
    work: impl AsyncFnOnce(&Stage, &mut Report) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let stage = Stage::set()?;
    let mut report = Report::new(name, is_json);
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(work(&stage, &mut report))?;
    report.finish()
}
