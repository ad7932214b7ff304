//! `qchat server`: runs until it is asked to stop.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use qchat_node::{Reload, Server};
use qchat_terminal::tell;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::logging::{self, LogFormat};
use crate::own_terminal::OwnTerminal;
use crate::server_config::Settings;

/// The arguments of `qchat server`.
#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
    #[command(flatten)]
    settings: Settings,
    /// A file of settings in TOML: the long flags' names, with '_' for '-'
    #[arg(long, value_name = "FILE", env = "QCHAT_SERVER_CONFIG")]
    config: Option<PathBuf>,
}

/// Runs a server until Ctrl-C or SIGTERM, or until its terminal is closed.
///
/// # Errors
/// One sentence that names the cause.
pub(crate) fn run(arguments: ServerArgs) -> anyhow::Result<()> {
    let file = arguments.config.as_deref().map(Settings::read).transpose()?;
    let settings = arguments.settings.or(file.unwrap_or_default());
    let log_format = settings.log_format();
    logging::start(log_format);
    let terminal = OwnTerminal::find();
    let runtime = runtime().context("cannot start the runtime")?;
    runtime.block_on(async {
        let server = Server::start(&settings.config()).await?;
        let stop = CancellationToken::new();
        // A reader of the ready line may ask the server to stop at once.
        tokio::spawn(stop_on_signal(stop.clone())?);
        tokio::spawn(reload_on_signal(server.reload(), terminal, stop.clone())?);
        announce(&server, log_format);
        Ok(server.run(stop).await?)
    })
}

/// Half of the cores move packets. The store, the disk, digests and passwords have threads of their own, and
/// packets that pass between threads cost more than a second thread brings.
fn runtime() -> std::io::Result<Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Builder::new_multi_thread().worker_threads(cores.div_ceil(2)).enable_all().build()
}

/// Says that the server is ready, and how to reach it.
fn announce(server: &Server, log_format: LogFormat) {
    let (address, fingerprint) = (server.address(), server.fingerprint());
    if log_format == LogFormat::Json {
        tracing::info!(%address, %fingerprint, "ready");
        return;
    }
    let host = reachable_host(address);
    tell(&format!("qchat server is ready on {host} (UDP)"));
    tell(&format!("fingerprint: {fingerprint}"));
    tell(&format!("connect with: qchat client --server {host} --fingerprint {fingerprint}"));
}

/// An address that a client on this machine can use.
fn reachable_host(address: SocketAddr) -> String {
    match address.ip().is_unspecified() {
        true => format!("localhost:{}", address.port()),
        false => address.to_string(),
    }
}

/// Reads the certificate anew at each SIGHUP. Stops the server instead if its own terminal was closed. The
/// handler is in place when this returns.
fn reload_on_signal(
    reload: Reload,
    terminal: Option<OwnTerminal>,
    stop: CancellationToken,
) -> anyhow::Result<impl Future<Output = ()>> {
    let mut hangup = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
    Ok(async move {
        while hangup.recv().await.is_some() {
            if terminal.as_ref().is_some_and(OwnTerminal::is_closed) {
                stop.cancel();
                return;
            }
            reload.run().await;
        }
    })
}

/// Cancels at the first Ctrl-C or SIGTERM. The handlers are in place when this returns.
fn stop_on_signal(stop: CancellationToken) -> anyhow::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        stop.cancel();
    })
}
