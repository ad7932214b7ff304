//! Live delivery: latency, time to reconnect, and the memory and threads of the server.

mod delivery;
mod group;
mod moving;
mod restart;
mod stopped;

use clap::Args;

use crate::figures::Report;
use crate::server::Stage;

/// The parts and the extent of the measurement.
#[derive(Debug, Args)]
pub(crate) struct LiveArgs {
    /// Only these parts
    #[arg(value_enum)]
    parts: Vec<Part>,
    /// Number of followers that reconnect after a restart
    #[arg(long, default_value_t = 200)]
    followers: usize,
    /// Number of messages that arrive for a stopped reader
    #[arg(long, default_value_t = 100_000)]
    messages: usize,
    /// Number of group members online
    #[arg(long, default_value_t = 1000)]
    members: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// From the call of the sender to the event of the receiver
    Delivery,
    /// Reconnection of clients after the server was killed
    Restart,
    /// A change of address of an idle watching client
    Moving,
    /// A stopped reader, compared with one that reads
    Stopped,
    /// Large messages to a large group whose members are online
    Group,
}

pub(crate) async fn measure(
    arguments: LiveArgs,
    stage: &Stage,
    report: &mut Report,
) -> anyhow::Result<()> {
    let LiveArgs { parts, followers, messages, members } = arguments;
    let is_wanted = |part| parts.is_empty() || parts.contains(&part);
    if is_wanted(Part::Delivery) {
        delivery::measure(stage, report).await?;
    }
    if is_wanted(Part::Restart) {
        restart::measure(stage, report, followers).await?;
    }
    if is_wanted(Part::Moving) {
        moving::measure(stage, report).await?;
    }
    if is_wanted(Part::Stopped) {
        stopped::measure(stage, report, messages).await?;
    }
    if is_wanted(Part::Group) {
        group::measure(stage, report, members).await?;
    }
    Ok(())
}
