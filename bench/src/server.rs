//! The real server, in a temporary folder, on loopback.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, bail};
use qchat_client::{Fingerprint, ServerAddress, Trust};
use tempfile::TempDir;

use crate::process::Process;

/// The measured program, and a temporary folder beside it, on the same disk.
pub(crate) struct Stage {
    pub(crate) program: PathBuf,
    folder: TempDir,
}

impl Stage {
    /// Finds the program beside this one. Under cargo, builds it first, so that no old program is measured.
    pub(crate) fn set() -> anyhow::Result<Self> {
        let own = std::env::current_exe().context("cannot find my own program")?;
        let beside = own.parent().context("my own program lies in no folder")?;
        if let Some(cargo) = std::env::var_os("CARGO") {
            let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
            let mut build = Command::new(cargo);
            build.args(["build", "--quiet", "--release", "--locked", "-p", "qchat"]);
            let built = build.arg("--manifest-path").arg(manifest).status();
            if !built.context("cannot run cargo")?.success() {
                bail!("the program that is to be measured does not build");
            }
        }
        let program = beside.join("qchat");
        if !program.is_file() {
            bail!("{} is missing: build it with cargo build --release", program.display());
        }
        let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(beside)?;
        Ok(Self { program, folder })
    }

    /// A new folder for one part of the measurement.
    pub(crate) fn folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        let folder = self.folder.path().join(name);
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// A new server in a folder of this name.
    pub(crate) fn server(&self, name: &str) -> anyhow::Result<Server> {
        self.server_with(name, &[])
    }

    /// A new server in a folder of this name, with further arguments.
    pub(crate) fn server_with(&self, name: &str, arguments: &[&str]) -> anyhow::Result<Server> {
        let arguments = arguments.iter().map(ToString::to_string).collect();
        Server::start(&self.program, self.folder(name)?, ([127, 0, 0, 1], 0).into(), arguments)
    }
}

/// A running server. Dropping this value kills it.
pub(crate) struct Server {
    child: Child,
    program: PathBuf,
    arguments: Vec<String>,
    pub(crate) folder: PathBuf,
    pub(crate) address: SocketAddr,
    pub(crate) fingerprint: Fingerprint,
}

impl Server {
    fn start(
        program: &Path,
        folder: PathBuf,
        listen: SocketAddr,
        arguments: Vec<String>,
    ) -> anyhow::Result<Self> {
        let mut command = clean(program, &folder);
        command.args(["server", "--listen", &listen.to_string()]).stderr(Stdio::piped());
        // All clients come from one address here.
        command.args(["--accounts-per-hour", "1000000"]).args(&arguments);
        let mut child = command.spawn().context("cannot start the server")?;
        let errors = child.stderr.take().context("the server has no standard error")?;
        let mut lines = BufReader::new(errors).lines();
        let address = after(&mut lines, "qchat server is ready on ")?;
        let address = address.trim_end_matches(" (UDP)").parse()?;
        let fingerprint = after(&mut lines, "fingerprint: ")?.parse()?;
        // A thread reads the log, so that the server never blocks on a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let program = program.to_owned();
        Ok(Self { child, program, arguments, folder, address, fingerprint })
    }

    pub(crate) fn process(&self) -> Process {
        Process::of(&self.child)
    }

    /// Kills the server with SIGKILL.
    pub(crate) fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Starts the server again after [`Self::kill`], in its folder and at its address.
    pub(crate) fn restart(&mut self) -> anyhow::Result<()> {
        let (folder, arguments) = (self.folder.clone(), self.arguments.clone());
        *self = Self::start(&self.program, folder, self.address, arguments)?;
        Ok(())
    }

    /// The address for the client library.
    pub(crate) fn name(&self) -> anyhow::Result<ServerAddress> {
        Ok(self.address.to_string().parse()?)
    }

    pub(crate) fn trust(&self) -> Trust {
        Trust::Fingerprint(self.fingerprint)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// The command of the program in this folder, without the settings of our environment.
pub(crate) fn clean(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    let ours = std::env::vars_os().map(|(name, _)| name);
    for name in ours.filter(|name| name.as_encoded_bytes().starts_with(b"QCHAT_")) {
        command.env_remove(name);
    }
    for home in ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"] {
        command.env(home, folder.join(home));
    }
    command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// The rest of the next line with this prefix.
fn after(
    lines: &mut impl Iterator<Item = std::io::Result<String>>,
    beginning: &str,
) -> anyhow::Result<String> {
    let mut said = String::new();
    for line in lines {
        let line = line?;
        if let Some(rest) = line.strip_prefix(beginning) {
            return Ok(rest.to_owned());
        }
        said += &(line + "\n");
    }
    bail!("the server does not start:\n{said}")
}
