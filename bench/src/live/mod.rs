//! Live delivery: how fast, how soon again, and what it costs the server.

mod delivery;
mod group;
mod moving;
mod restart;
mod stopped;

use clap::Args;

use crate::figures::Report;
use crate::server::Stage;

/// What is measured, and how much of it.
#[derive(Debug, Args)]
pub(crate) struct LiveArgs {
    /// Only these parts
    #[arg(value_enum)]
    parts: Vec<Part>,
    /// How many followers come back after a restart
    #[arg(long, default_value_t = 200)]
    followers: usize,
    /// How many messages arrive for a reader that has stopped
    #[arg(long, default_value_t = 100_000)]
    messages: usize,
    /// How many members of a group are online
    #[arg(long, default_value_t = 1000)]
    members: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// From a sender's call to the receiver's event
    Delivery,
    /// Clients back after the server was killed
    Restart,
    /// An idle watching client whose address changes
    Moving,
    /// A reader that stopped reading, beside one that reads
    Stopped,
    /// A large group online that gets large messages
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
