//! A large group whose members are all online, and large messages to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use qchat_client::{Address, Event, GroupName, Watching};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::interval;

use crate::figures::{Report, Row};
use crate::people::{Person, crowd, in_time, joined};
use crate::process::Process;
use crate::server::Stage;

const MESSAGES: usize = 100;
const MESSAGE_BYTES: usize = 16 * 1024;

/// The interval of counting the threads of the server.
const LOOK: Duration = Duration::from_millis(20);

pub(super) async fn measure(
    stage: &Stage,
    report: &mut Report,
    count: usize,
) -> anyhow::Result<()> {
    let server = stage.server("group")?;
    let process = server.process();
    let empty = process.memory()?;
    let people = crowd(&server, count).await?;
    let group: GroupName = "lab".parse()?;
    let sender = Person::register(&server, "sender").await?;
    sender.client.make_group(group.clone()).await?;
    let watching = assemble(&people, &group).await?;
    let before = process.memory()?;
    let online = Row::new(format!("{count} members online"));
    report.add(online.mebibytes("server", before.resident).figure(
        "each",
        (crate::figures::mebibytes(before.resident) - crate::figures::mebibytes(empty.resident))
            * 1024.0
            / crate::figures::float(count.try_into()?),
        "KiB",
    ));
    process.reset_peak()?;
    let threads = Threads::count(process);
    let zero = Instant::now();
    let mut receiving: JoinSet<_> =
        watching.into_iter().map(|watching| receive(watching, zero)).collect();
    let to = Address::Group(group);
    let mut sent = Vec::new();
    for _ in 0..MESSAGES {
        sent.push(zero.elapsed());
        sender.send(&to, "x".repeat(MESSAGE_BYTES)).await?;
    }
    let answered = zero.elapsed();
    let mut complete = vec![Duration::ZERO; MESSAGES];
    while let Some(times) = joined(&mut receiving).await? {
        for (complete, time) in complete.iter_mut().zip(times) {
            *complete = time.max(*complete);
        }
    }
    let after = process.memory()?;
    let waits = complete.iter().zip(&sent).map(|(complete, sent)| complete.saturating_sub(*sent));
    let name = format!("{MESSAGES} messages of 16 KiB to all");
    report.add(
        Row::new(name)
            .seconds("all sent", answered)
            .seconds("all there", complete.iter().copied().max().unwrap_or_default())
            .growth("peak growth", before.resident, after.peak)
            .growth("growth", before.resident, after.resident)
            .count("threads", threads.most())
            .note(format!("before: {} threads", before.threads)),
    );
    report.add(Row::new("one message, call until all have it").waits(waits.collect()));
    Ok(())
}

/// Lets each user join, and watch until they have caught up.
async fn assemble(people: &[Person], group: &GroupName) -> anyhow::Result<Vec<Watching>> {
    let mut assembling = JoinSet::new();
    for person in people {
        let (client, group) = (person.client.clone(), group.clone());
        assembling.spawn(async move {
            client.join(group).await?;
            let mut watching = client.watch(Vec::new()).await?;
            while watching.next().await? != Event::CaughtUp {}
            anyhow::Ok(watching)
        });
    }
    let mut watching = Vec::new();
    while let Some(one) = joined(&mut assembling).await? {
        watching.push(one);
    }
    Ok(watching)
}

/// The arrival time of each message.
async fn receive(mut watching: Watching, zero: Instant) -> anyhow::Result<Vec<Duration>> {
    let mut times = Vec::with_capacity(MESSAGES);
    while times.len() < MESSAGES {
        let event = in_time("a message to a group", watching.next()).await??;
        if matches!(event, Event::Message { .. }) {
            times.push(zero.elapsed());
        }
    }
    Ok(times)
}

/// Counts the threads of a process while it works.
struct Threads {
    most: Arc<AtomicU64>,
    counting: JoinHandle<()>,
}

impl Threads {
    fn count(process: Process) -> Self {
        let most = Arc::<AtomicU64>::default();
        let seen = Arc::clone(&most);
        let counting = tokio::spawn(async move {
            let mut look = interval(LOOK);
            while let Ok(memory) = process.memory() {
                seen.fetch_max(memory.threads, Ordering::Relaxed);
                look.tick().await;
            }
        });
        Self { most, counting }
    }

    fn most(&self) -> u64 {
        self.counting.abort();
        self.most.load(Ordering::Relaxed)
    }
}
