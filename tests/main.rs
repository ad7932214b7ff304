//! The house tests: real QUIC on port 0, temporary folders, the real program.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that meets what it did not expect panics: that is its answer"
)]

mod accounts;
mod files;
mod harness;
mod hostile;
mod messages;
mod prompt;
mod server;

mod accidents;
mod bad_network;
mod comeback;
mod corpus;
mod crash;
mod crowd;
mod damage;
mod full_disk;
mod heartbeat;
mod kills;
mod layers;
mod readme;
mod restarts;
mod small_disk;
mod thin_links;
