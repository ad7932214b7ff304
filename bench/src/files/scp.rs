//! scp with its own sshd on loopback and temporary keys.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use super::transfer::Transfer;

/// The longest time until sshd listens.
const START_TIME_MAX: Duration = Duration::from_secs(5);

/// A running sshd. Dropping this value kills it.
pub(super) struct Scp {
    child: Child,
    folder: PathBuf,
    port: u16,
}

impl Scp {
    /// Starts sshd with temporary keys.
    ///
    /// # Errors
    /// Names the missing program or file.
    pub(super) fn start(folder: &Path, sshd: Option<&Path>) -> anyhow::Result<Self> {
        let found = sshd.map_or_else(|| installed("sshd"), |path| Some(path.to_owned()));
        let program = found.context("sshd is not installed")?;
        for needed in ["ssh-keygen", "scp"] {
            ensure!(installed(needed).is_some(), "{needed} is not installed");
        }
        for key in ["host_key", "user_key"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f", key])
                .current_dir(folder)
                .status()?;
            ensure!(made.success(), "ssh-keygen failed");
        }
        // The port was free a moment ago. sshd cannot take over an open socket.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let place = folder.display();
        let config = format!(
            "ListenAddress 127.0.0.1\nPort {port}\nHostKey {place}/host_key\nPidFile none\n\
             AuthorizedKeysFile {place}/user_key.pub\nStrictModes no\nUsePAM no\n\
             PasswordAuthentication no\nSubsystem sftp internal-sftp\n"
        );
        std::fs::write(folder.join("sshd_config"), config)?;
        let mut command = Command::new(program);
        command.args(["-D", "-f"]).arg(folder.join("sshd_config"));
        command.arg("-E").arg(folder.join("sshd.log")).stdin(Stdio::null());
        let child = command.spawn().context("cannot start sshd")?;
        let mut scp = Self { child, folder: folder.to_owned(), port };
        scp.wait_until_ready()?;
        Ok(scp)
    }

    fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        while TcpStream::connect(address).is_err() {
            let is_over = self.child.try_wait()?.is_some();
            if is_over || begun.elapsed() > START_TIME_MAX {
                let log = std::fs::read_to_string(self.folder.join("sshd.log"));
                bail!("sshd does not start: {}", log.unwrap_or_default().trim());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Copies a file and removes the copy.
    pub(super) fn copy(&self, file: &Path, bytes: u64) -> anyhow::Result<Transfer> {
        let copy = self.folder.join("scp.tmp");
        let begun = Instant::now();
        let copied = Command::new("scp")
            .args(["-q", "-F", "none", "-i", "user_key", "-P", &self.port.to_string()])
            .args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"])
            .args(["-o", "LogLevel=ERROR", "-o", "BatchMode=yes"])
            .arg(file)
            .arg(format!("127.0.0.1:{}", copy.display()))
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .status()?;
        let time = begun.elapsed();
        ensure!(copied.success(), "scp failed");
        std::fs::remove_file(copy)?;
        Ok(Transfer { bytes, time, sides: None })
    }
}

impl Drop for Scp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The full path of a program. sshd refuses to start without one.
fn installed(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders =
        std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    folders.map(|folder| folder.join(name)).find(|program| program.is_file())
}
