//! The rate of answered sends with 1 and with 64 concurrent senders, compared with the sync rate of the disk:
//! each answer waits for a sync that contains its message.
//!
//! Each sender has its own connection and waits for each answer before it sends again.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::figures::{Report, Row, float};
use crate::people::{Person, crowd, joined};
use crate::server::Stage;

const TIME: Duration = Duration::from_secs(5);
const SYNC_TIME: Duration = Duration::from_secs(1);
const MESSAGE_BYTES: usize = 200;
const SENDERS: usize = 64;

pub(crate) async fn measure(stage: &Stage, report: &mut Report) -> anyhow::Result<()> {
    let server = stage.server("sends")?;
    let idle = server.process().memory()?;
    report.add(Row::new("server, idle").mebibytes("resident", idle.resident));
    report.add(disk(&server.folder)?);
    let people = crowd(&server, SENDERS).await?;
    for senders in [1, SENDERS] {
        let (rate, waits) = sends_per_second(people.iter().take(senders)).await?;
        let row = Row::new(format!("{senders} senders")).figure("rate", rate, "sends/s");
        report.add(row.waits(waits));
    }
    report.add(disk(&server.folder)?);
    Ok(())
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
    people: impl Iterator<Item = &Person>,
) -> anyhow::Result<(f64, Vec<Duration>)> {
    let start = Instant::now();
    let mut senders: JoinSet<_> = people.cloned().map(send).collect();
    let mut waits = Vec::new();
    while let Some(sender) = joined(&mut senders).await? {
        waits.extend(sender);
    }
    let sends: u64 = waits.len().try_into()?;
    Ok((float(sends) / start.elapsed().as_secs_f64(), waits))
}

async fn send(person: Person) -> anyhow::Result<Vec<Duration>> {
    let to = qchat_client::Address::User("user0".parse()?);
    let (start, mut waits) = (Instant::now(), Vec::new());
    while start.elapsed() < TIME {
        let sent = Instant::now();
        person.send(&to, "x".repeat(MESSAGE_BYTES)).await?;
        waits.push(sent.elapsed());
    }
    Ok(waits)
}
