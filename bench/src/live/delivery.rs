//! The time from the call of the sender to the event of the receiver, on idle links.

use std::time::{Duration, Instant};

use qchat_client::{Body, Event, Watching};
use tokio::task::JoinSet;
use tokio::time::interval;

use crate::figures::{Report, Row};
use crate::people::{Person, in_time, joined};
use crate::server::Stage;

const MESSAGES: usize = 2000;
const PAUSE: Duration = Duration::from_millis(10);

pub(super) async fn measure(stage: &Stage, report: &mut Report) -> anyhow::Result<()> {
    let server = stage.server("delivery")?;
    let alice = Person::register(&server, "alice").await?;
    let bob = Person::register(&server, "bob").await?;
    let watching = bob.client.watch(Vec::new()).await?;
    let zero = Instant::now();
    let receiving = tokio::spawn(receive(watching, zero));
    let answers = send(&alice, &bob, zero).await?;
    let deliveries = in_time("delivery", receiving).await???;
    report.add(Row::new("live delivery, call to event").waits(deliveries));
    report.add(Row::new("the same, call to answer").waits(answers));
    Ok(())
}

/// Sends at a steady rate, without a wait for the answers. Each text is the time of its call.
async fn send(alice: &Person, bob: &Person, zero: Instant) -> anyhow::Result<Vec<Duration>> {
    let mut pace = interval(PAUSE);
    let mut sends = JoinSet::new();
    for _ in 0..MESSAGES {
        pace.tick().await;
        let (alice, to) = (alice.clone(), bob.address());
        sends.spawn(async move {
            let called = zero.elapsed();
            alice.send(&to, called.as_nanos().to_string()).await?;
            anyhow::Ok(zero.elapsed().saturating_sub(called))
        });
    }
    let mut answers = Vec::new();
    while let Some(answer) = joined(&mut sends).await? {
        answers.push(answer);
    }
    Ok(answers)
}

async fn receive(mut watching: Watching, zero: Instant) -> anyhow::Result<Vec<Duration>> {
    let mut deliveries = Vec::new();
    while deliveries.len() < MESSAGES {
        if let Event::Message { message, .. } = watching.next().await?
            && let Body::Text(text) = message.body
        {
            let called = Duration::from_nanos(text.as_str().parse()?);
            deliveries.push(zero.elapsed().saturating_sub(called));
        }
    }
    Ok(deliveries)
}
