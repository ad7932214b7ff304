//! `qchat demo`: a real server on a free port, and two people who use the commands.

use std::io::{IsTerminal, stdout};
use std::path::Path;

use anyhow::Context;
use clap::Args;
use qchat_client::{Client, Fingerprint, PinFile, ServerAddress, Trust, Unknown};
use qchat_node::{Config, IdentityFiles, Limits, Server};
use qchat_terminal::{ClientArgs, Executor, LineStatus, Output, OutputError, print, prompt_text};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// The arguments of `qchat demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Leave the server running afterwards, and open a prompt on it.
    #[arg(long)]
    stay: bool,
}

/// The two people of the demo.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Person {
    Alice,
    Bob,
}
use Person::{Alice, Bob};

/// Their lines in order: each of the seventeen commands at least once.
const LINES: [(Person, &str); 26] = [
    (Alice, "auth_register alice swordfish"),
    (Alice, "auth_login alice swordfish"),
    (Bob, "auth_register bob hunter2"),
    (Alice, "ls"),
    (Alice, "send bob Lunch at noon? It's \"fine\" if not."),
    (Alice, "send_file bob notes.txt"),
    (Bob, "auth_login bob hunter2"),
    (Bob, "inbox"),
    (Bob, "download_file notes.txt"),
    (Bob, "send alice Noon it is. I was offline, and nothing got lost."),
    (Alice, "inbox"),
    (Alice, "mkgr lab"),
    (Alice, "sendgroup lab The oven is at 180 degrees."),
    (Bob, "ls_group"),
    (Bob, "join lab"),
    (Bob, "ls_member lab"),
    (Bob, "inboxgroup lab"),
    (Bob, "sendgroup lab I take over at six."),
    (Bob, "sendgroup_file lab results.csv"),
    (Alice, "inboxgroup lab"),
    (Alice, "downloadgroup_file lab results.csv"),
    (Alice, "sned bob bye"),
    (Alice, "send bob bye"),
    (Bob, "leave lab"),
    (Bob, "auth_logout"),
    (Alice, "auth_logout"),
];

/// Runs the demo.
///
/// # Errors
/// The server does not start, or a line fails that should not.
pub(crate) fn run(arguments: &DemoArgs) -> anyhow::Result<()> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let runtime = Runtime::new().context("cannot start the runtime")?;
    let server = runtime.block_on(async { Server::start(&config(folder.path())).await })?;
    let address = format!("localhost:{}", server.address().port());
    let fingerprint = server.fingerprint();
    let stop = CancellationToken::new();
    let running = runtime.spawn(server.run(stop.clone()));
    print(&format!(
        "a qchat server is ready on {address} (UDP); alice and bob each have a terminal\n"
    ))?;
    let address = address.parse()?;
    runtime.block_on(play(folder.path(), &address))?;
    if arguments.stay {
        stay(&address, fingerprint)?;
    }
    stop.cancel();
    Ok(runtime.block_on(running)??)
}

fn config(folder: &Path) -> Config {
    Config {
        listen: ([127, 0, 0, 1], 0).into(),
        identity: IdentityFiles::in_folder(&folder.join("cert")),
        data: folder.join("data"),
        upload: folder.join("upload"),
        #[cfg(feature = "cluster")]
        files: None,
        limits: Limits::default(),
        #[cfg(feature = "cluster")]
        database: None,
    }
}

/// Types every line into its person's terminal.
async fn play(folder: &Path, server: &ServerAddress) -> anyhow::Result<()> {
    let mut alice = terminal(&folder.join("alice"), server).await?;
    let mut bob = terminal(&folder.join("bob"), server).await?;
    std::fs::write(folder.join("alice/notes.txt"), "Buy beans. Grind them.\n")?;
    std::fs::write(folder.join("bob/results.csv"), "run,yield\n1,0.93\n2,0.97\n")?;
    for (person, line) in LINES {
        let executor = if person == Alice { &mut alice } else { &mut bob };
        print(&format!("{}{line}", prompt_text(executor)))?;
        let outcome = executor.run_line(line).await;
        let expected = !line.starts_with("sned");
        if let LineStatus::OutputClosed(error) = outcome {
            return Err(OutputError::from(error).into());
        }
        anyhow::ensure!(
            matches!(outcome, LineStatus::Done) == expected,
            "the demo failed at: {line}"
        );
        print("")?;
    }
    alice.finish().await;
    bob.finish().await;
    Ok(())
}

/// A person's terminal, with a home of its own.
async fn terminal(home: &Path, server: &ServerAddress) -> anyhow::Result<Executor> {
    std::fs::create_dir(home)?;
    let pins = PinFile::at(home.join("known_servers"));
    let trust = Trust::Known { pins, unknown: Unknown::Accept };
    let client = Client::connect(server, trust.clone()).await?;
    let output = match stdout().is_terminal() {
        true => Output::coloured(stdout(), stdout()),
        false => Output::plain(stdout(), stdout()),
    };
    Ok(Executor::on(client, server.clone(), trust, output).in_folder(home.to_owned()))
}

/// Opens a prompt on the server, as `qchat client` does.
fn stay(address: &ServerAddress, fingerprint: Fingerprint) -> anyhow::Result<()> {
    print(&format!(
        "the server stays until you quit. Sign in as alice (swordfish) or bob (hunter2), or in\n\
         another terminal: qchat client --server {address} --fingerprint {fingerprint}\n"
    ))?;
    qchat_terminal::run(&ClientArgs::pinned(address, fingerprint));
    Ok(())
}
