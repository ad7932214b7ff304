//! The rate of answered sends with 1 and with 64 concurrent senders, compared with the sync rate of the disk:
//! each answer waits for a sync that contains its message.
//!
//! Each sender has its own connection and waits for each answer before it sends again. With `--store` the servers
//! share a PostgreSQL database.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use clap::Args;
use qchat_client::Address;
use tokio::task::JoinSet;

use crate::figures::{Report, Row, float};
use crate::people::{Person, crowd_at, joined};
use crate::server::{Server, Stage};

const TIME: Duration = Duration::from_secs(5);
const SYNC_TIME: Duration = Duration::from_secs(1);
const MESSAGE_BYTES: usize = 200;

/// The arguments of `sends`.
#[derive(Debug, Args)]
pub(crate) struct SendsArgs {
    /// The numbers of concurrent senders
    #[arg(long, value_name = "N,N", value_delimiter = ',', default_values_t = [1, 64])]
    senders: Vec<usize>,
    /// Each sender writes to the next one, not all of them to one
    #[arg(long)]
    spread: bool,
    /// An empty PostgreSQL database for the store
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// The number of servers that share the database
    #[arg(long, value_name = "N", default_value_t = 1, requires = "store")]
    servers: usize,
}

pub(crate) async fn measure(
    arguments: &SendsArgs,
    stage: &Stage,
    report: &mut Report,
) -> anyhow::Result<()> {
    let servers = servers(arguments, stage)?;
    for server in &servers {
        let idle = server.process().memory()?;
        report.add(Row::new("server, idle").mebibytes("resident", idle.resident));
    }
    let folder = stage.folder("disk")?;
    report.add(disk(&folder)?);
    let most = arguments.senders.iter().copied().max().unwrap_or_default();
    let people = crowd_at(&servers, most).await?;
    for senders in &arguments.senders {
        let (rate, waits) =
            sends_per_second(people.iter().take(*senders), arguments.spread).await?;
        let row = Row::new(format!("{senders} senders")).figure("rate", rate, "sends/s");
        report.add(row.waits(waits));
    }
    report.add(disk(&folder)?);
    Ok(())
}

/// One server with a store of its own, or several that share a database and a key.
fn servers(arguments: &SendsArgs, stage: &Stage) -> anyhow::Result<Vec<Server>> {
    let Some(store) = &arguments.store else { return Ok(vec![stage.server("sends")?]) };
    let mut servers: Vec<Server> = Vec::new();
    for number in 0..arguments.servers {
        let name = format!("server{number}");
        if let Some(first) = servers.first() {
            let cert = stage.folder(&name)?.join("cert");
            std::fs::create_dir_all(&cert)?;
            for file in std::fs::read_dir(first.folder.join("cert"))? {
                let file = file?;
                std::fs::copy(file.path(), cert.join(file.file_name()))?;
            }
        }
        servers.push(stage.server_with(&name, &["--store", store, "--node", &name])?);
    }
    Ok(servers)
}

fn disk(folder: &Path) -> anyhow::Result<Row> {
    let path = folder.join("syncs.tmp");
    let mut file = File::create(&path)?;
    let (start, mut syncs) = (Instant::now(), 0_u64);
    while start.elapsed() < SYNC_TIME {
        file.write_all(&[0; 4096])?;
        file.sync_data()?;
        syncs += 1;
    }
    std::fs::remove_file(path)?;
    let rate = float(syncs) / start.elapsed().as_secs_f64();
    Ok(Row::new("disk, 4 KiB appended and synced").figure("rate", rate, "syncs/s"))
}

/// The rate of all senders together, and the time of each send.
async fn sends_per_second(
    people: impl Iterator<Item = &Person> + Clone,
    spread: bool,
) -> anyhow::Result<(f64, Vec<Duration>)> {
    let start = Instant::now();
    let receivers = people.clone().map(Person::address);
    let receivers: Vec<Address> = match spread {
        true => receivers.cycle().skip(1).take(people.clone().count()).collect(),
        false => vec!["user0".parse().map(Address::User)?; people.clone().count()],
    };
    let mut senders: JoinSet<_> =
        people.cloned().zip(receivers).map(|(person, to)| send(person, to)).collect();
    let mut waits = Vec::new();
    while let Some(sender) = joined(&mut senders).await? {
        waits.extend(sender);
    }
    let sends: u64 = waits.len().try_into()?;
    Ok((float(sends) / start.elapsed().as_secs_f64(), waits))
}

async fn send(person: Person, to: Address) -> anyhow::Result<Vec<Duration>> {
    let (start, mut waits) = (Instant::now(), Vec::new());
    while start.elapsed() < TIME {
        let sent = Instant::now();
        person.send(&to, "x".repeat(MESSAGE_BYTES)).await?;
        waits.push(sent.elapsed());
    }
    Ok(waits)
}
