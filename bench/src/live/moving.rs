//! A change of address of a client that only watches, as when a laptop moves to another network.

use std::time::{Duration, Instant};

use qchat_client::{Beginning, Cursors, Follower, Reconnect};
use tokio::time::{sleep, timeout};

use crate::figures::{Report, Row};
use crate::people::{Person, in_time, password};
use crate::relay::{CLEAR, Relay};
use crate::server::Stage;

const MOVES: u32 = 12;

/// The interval of sends, and the longest time without a delivery after a change of address.
const PAUSE: Duration = Duration::from_millis(50);
const GAP_MAX: Duration = Duration::from_secs(60);

/// The idle time before each change of address, in step with no timer.
const IDLE: Duration = Duration::from_millis(5_300);

pub(super) async fn measure(stage: &Stage, report: &mut Report) -> anyhow::Result<()> {
    let server = stage.server("moving")?;
    let alice = Person::register(&server, "alice").await?;
    let bob = Person::register(&server, "bob").await?;
    let mut relay = Relay::start(server.address, CLEAR).await?;
    let through = relay.address.to_string().parse()?;
    let client = qchat_client::Client::connect(&through, server.trust()).await?;
    let token = client.login(bob.name.clone(), password()).await?;
    let reconnect = Reconnect { server: through, trust: server.trust(), token };
    let follower =
        Follower::start(client, reconnect, Cursors::Given(Vec::new()), Beginning::OldestUnread);
    alice.send(&bob.address(), "here".to_owned()).await?;
    in_time("following", follower.next()).await??;
    let mut gaps = Vec::new();
    for number in 0..MOVES {
        // An eleventh of a second more each time, so that the changes fall anywhere between two
        // keep-alives.
        sleep(IDLE + number * Duration::from_millis(91)).await;
        relay.move_client().await?;
        let moved = Instant::now();
        let gap = timeout(GAP_MAX, first_delivery(&alice, &bob, &follower, moved)).await;
        gaps.push(gap.unwrap_or(Ok(GAP_MAX))?);
        settle(&alice, &bob, &follower).await?;
    }
    report.add(Row::new("gap after an address change").waits(gaps));
    Ok(())
}

/// Sends until the first message is delivered.
async fn first_delivery(
    alice: &Person,
    bob: &Person,
    follower: &Follower,
    moved: Instant,
) -> anyhow::Result<Duration> {
    let sending = async {
        loop {
            alice.send(&bob.address(), "moved".to_owned()).await?;
            sleep(PAUSE).await;
        }
    };
    tokio::select! {
        message = follower.next() => message.map(|_| moved.elapsed()).map_err(Into::into),
        failed = sending => failed,
    }
}

/// Receives the messages that are still on their way.
async fn settle(alice: &Person, bob: &Person, follower: &Follower) -> anyhow::Result<()> {
    let last = format!("settled {:?}", Instant::now());
    alice.send(&bob.address(), last.clone()).await?;
    loop {
        let message = in_time("settling", follower.next()).await??;
        follower.acknowledge(&message.id);
        if matches!(&message.body, qchat_client::Body::Text(text) if text.as_str() == last) {
            return Ok(());
        }
    }
}
