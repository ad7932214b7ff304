//! The server is killed and started again; its followers reconnect by themselves.
//!
//! A follower is back when it returns a message that was sent after the restart.

use std::time::{Duration, Instant};

use qchat_client::{Address, Beginning, Cursors, Follower, GroupName, Reconnect};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::figures::{Report, Row};
use crate::people::{Person, crowd, in_time, joined};
use crate::server::{Server, Stage};

/// The outages: a short one, and one that every follower notices.
const ABSENCES: [Duration; 2] = [Duration::ZERO, Duration::from_secs(10)];

pub(super) async fn measure(
    stage: &Stage,
    report: &mut Report,
    count: usize,
) -> anyhow::Result<()> {
    let mut server = stage.server("restart")?;
    let people = crowd(&server, count).await?;
    let group: GroupName = "lab".parse()?;
    let beacon = Person::register(&server, "beacon").await?;
    beacon.client.make_group(group.clone()).await?;
    let mut followers = Vec::new();
    for person in people {
        person.client.join(group.clone()).await?;
        followers.push(follow(&server, person)?);
    }
    let to = Address::Group(group);
    beacon.send(&to, "before".to_owned()).await?;
    heard("before", &mut followers, Instant::now()).await?;
    for absence in ABSENCES {
        let name = format!("{count} back after {} s without server", absence.as_secs());
        server.kill()?;
        sleep(absence).await;
        server.restart()?;
        let ready = Instant::now();
        let client = qchat_client::Client::connect(&server.name()?, server.trust()).await?;
        client.resume(beacon.token.clone()).await?;
        let beacon = Person { client, ..beacon.clone() };
        beacon.send(&to, name.clone()).await?;
        report.add(Row::new(name.clone()).waits(heard(&name, &mut followers, ready).await?));
    }
    Ok(())
}

fn follow(server: &Server, person: Person) -> anyhow::Result<Follower> {
    let Person { client, token, .. } = person;
    let reconnect = Reconnect { server: server.name()?.into(), trust: server.trust(), token };
    Ok(Follower::start(client, reconnect, Cursors::Given(Vec::new()), Beginning::OldestUnread))
}

/// The time after `since` at which each follower returned this text.
async fn heard(
    text: &str,
    followers: &mut Vec<Follower>,
    since: Instant,
) -> anyhow::Result<Vec<Duration>> {
    let mut listening = JoinSet::new();
    for follower in followers.drain(..) {
        let text = text.to_owned();
        listening.spawn(async move {
            loop {
                let message = in_time("coming back", follower.next()).await??;
                follower.acknowledge(&message.id);
                if matches!(&message.body, qchat_client::Body::Text(said) if said.as_str() == text)
                {
                    return anyhow::Ok((since.elapsed(), follower));
                }
            }
        });
    }
    let mut waits = Vec::new();
    while let Some((wait, follower)) = joined(&mut listening).await? {
        waits.push(wait);
        followers.push(follower);
    }
    Ok(waits)
}
