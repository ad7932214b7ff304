//! The real client, which runs one line after the other.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::Instant;

use anyhow::{Context, ensure};
use serde_json::Value;

use super::transfer::{Before, Side, Transfer, text};
use crate::people::PASSWORD;
use crate::process::Process;
use crate::server::{Server, Stage, clean};

/// A signed-in, idle client. Dropping this value kills it.
pub(super) struct RealClient {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    folder: PathBuf,
    /// The memory of client and server after sign-in, before any transfer.
    idle: [u64; 2],
}

impl RealClient {
    pub(super) fn start(server: &Server, stage: &Stage, user: &str) -> anyhow::Result<Self> {
        let folder = stage.folder(user)?;
        let mut command = clean(&stage.program, &folder);
        command.args(["client", "--json", "--user", user]);
        command.args(["--server", &server.address.to_string()]);
        command.args(["--fingerprint", &server.fingerprint.to_string()]);
        command.env("QCHAT_PASSWORD", PASSWORD);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().context("cannot start the client")?;
        let input = child.stdin.take().context("no standard input")?;
        let output = BufReader::new(child.stdout.take().context("no standard output")?);
        let mut client = Self { child, input, output, folder, idle: [0; 2] };
        client.line("ls")?;
        let own = client.process().memory()?.resident;
        client.idle = [own, server.process().memory()?.resident];
        Ok(client)
    }

    /// Sends a file to bob, and returns the stored name.
    pub(super) fn send(
        &mut self,
        server: &Server,
        file: &Path,
        bytes: u64,
    ) -> anyhow::Result<(Transfer, String)> {
        let line = format!("send_file bob {}", text(file)?);
        let (answer, transfer) = self.measured(server, &line, bytes)?;
        let name = answer.pointer("/message/file/name").and_then(Value::as_str);
        Ok((transfer, name.context("the answer names no file")?.to_owned()))
    }

    /// Fetches a file and removes it.
    pub(super) fn download(
        &mut self,
        server: &Server,
        name: &str,
        bytes: u64,
    ) -> anyhow::Result<Transfer> {
        let (answer, transfer) = self.measured(server, &format!("download_file {name}"), bytes)?;
        let path = answer.get("path").and_then(Value::as_str).context("the answer has no path")?;
        std::fs::remove_file(self.folder.join(path))?;
        // The server is the sender.
        let turned = |[client, server]: [Side; 2]| [server, client];
        Ok(Transfer { sides: transfer.sides.map(turned), ..transfer })
    }

    fn measured(
        &mut self,
        server: &Server,
        line: &str,
        bytes: u64,
    ) -> anyhow::Result<(Value, Transfer)> {
        let [own, servers] = self.idle;
        let here = Before::of(self.process(), own)?;
        let there = Before::of(server.process(), servers)?;
        let begun = Instant::now();
        let answer = self.line(line)?;
        let time = begun.elapsed();
        Ok((answer, Transfer { bytes, time, sides: Some([here.side()?, there.side()?]) }))
    }

    /// Runs a line and returns its answer.
    fn line(&mut self, line: &str) -> anyhow::Result<Value> {
        writeln!(self.input, "{line}")?;
        self.input.flush()?;
        let mut answer = String::new();
        self.output.read_line(&mut answer)?;
        ensure!(!answer.is_empty(), "the client ended at: {line}");
        let answer: Value = serde_json::from_str(&answer)?;
        ensure!(answer.get("ok") == Some(&Value::Bool(true)), "{line}: {answer}");
        Ok(answer)
    }

    fn process(&self) -> Process {
        Process::of(&self.child)
    }
}

impl Drop for RealClient {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
