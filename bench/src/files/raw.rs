//! The limit of the transport: one stream of a bare connection between two processes, from memory to memory.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use anyhow::Context;
use bytes::Bytes;
use clap::Args;

use super::transfer::{Before, Transfer, text};
use crate::bare::{self, Bare};
use crate::process::Process;

/// The bytes of each write.
const PIECE: Bytes = Bytes::from_static(&[7; 64 * 1024]);

/// One end of the connection, a process that the bench starts.
#[derive(Debug, Args)]
pub(crate) struct RawArgs {
    /// File of the receiver's certificate
    #[arg(long)]
    certificate: PathBuf,
    /// Address of the receiver; without it, this process is the receiver
    #[arg(long)]
    to: Option<SocketAddr>,
    /// Number of bytes to send
    #[arg(long, default_value_t = 0)]
    bytes: u64,
}

/// Runs one end. Then waits until standard input is closed, so that its memory can be read.
pub(crate) fn raw_end(arguments: &RawArgs) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match arguments.to {
        Some(receiver) => runtime.block_on(send(receiver, arguments)),
        None => runtime.block_on(receive(&arguments.certificate)),
    }
}

async fn receive(certificate: &Path) -> anyhow::Result<()> {
    let endpoint = bare::serve(certificate)?;
    say(&endpoint.local_addr()?.to_string())?;
    let incoming = endpoint.accept().await.context("the socket failed")?;
    let connection = incoming.await?;
    let mut stream = connection.accept_uni().await?;
    let mut received = 0;
    while let Some(chunk) = stream.read_chunk(usize::MAX, true).await? {
        received += chunk.bytes.len();
    }
    say(&received.to_string())?;
    connection.closed().await;
    Ok(())
}

async fn send(receiver: SocketAddr, arguments: &RawArgs) -> anyhow::Result<()> {
    let bare = Bare::tuned(receiver, &arguments.certificate)?.await?;
    say("connected")?;
    hear()?;
    let mut stream = bare.connection.open_uni().await?;
    let mut left = arguments.bytes;
    while left > 0 {
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE.len());
        stream.write_chunk(PIECE.slice(..length)).await?;
        left -= u64::try_from(length)?;
    }
    stream.finish()?;
    stream.stopped().await?;
    say("sent")?;
    hear()
}

fn say(line: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

fn hear() -> anyhow::Result<()> {
    std::io::stdin().lock().read_line(&mut String::new())?;
    Ok(())
}

/// Sends this many bytes from one process to another.
pub(super) fn transfer(folder: &Path, bytes: u64) -> anyhow::Result<Transfer> {
    let certificate = folder.join("raw.pem");
    let certificate = text(&certificate)?;
    let mut receiver = End::start(&["--certificate", certificate])?;
    let address = receiver.hear()?;
    let arguments = ["--certificate", certificate, "--to", &address, "--bytes", &bytes.to_string()];
    let mut sender = End::start(&arguments)?;
    sender.hear()?;
    let ends = [&sender, &receiver].map(|end| Process::of(&end.child));
    let [sending, receiving] = ends.map(|end| Before::of(end, end.memory()?.resident));
    let begun = Instant::now();
    sender.go()?;
    receiver.hear()?;
    let time = begun.elapsed();
    Ok(Transfer { bytes, time, sides: Some([sending?.side()?, receiving?.side()?]) })
}

/// The process of one end. Dropping this value kills it.
struct End {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl End {
    fn start(arguments: &[&str]) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("raw").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let input = child.stdin.take().context("no standard input")?;
        let output = BufReader::new(child.stdout.take().context("no standard output")?);
        Ok(Self { child, input, output })
    }

    fn go(&mut self) -> anyhow::Result<()> {
        self.input.write_all(b"\n")?;
        Ok(self.input.flush()?)
    }

    fn hear(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        anyhow::ensure!(!line.is_empty(), "a bare connection failed");
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
