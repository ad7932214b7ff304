//! The address of a client that only watches changes, as when a laptop moves to another network.

use std::time::{Duration, Instant};

use qchat_client::{Beginning, Cursors, Follower, Reconnect};
use tokio::time::{sleep, timeout};

use crate::figures::{Report, Row};
use crate::people::{Person, in_time, password};
use crate::relay::{CLEAR, Relay};
use crate::server::Stage;

const MOVES: u32 = 12;

/// How often something is sent that could be delivered, and after how long without a delivery one
/// move was too much.
const PAUSE: Duration = Duration::from_millis(50);
const GAP_MAX: Duration = Duration::from_secs(60);

/// How long the link is idle before each move: not in step with anybody's timer.
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
        // An eleventh of a second more each time, so that the moves fall anywhere between two
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

/// Sends all the time, until the first message has come through.
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

/// Takes what is still on its way.
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
