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
mod fairness;
mod full_disk;
mod garbage;
mod heartbeat;
mod hostile_names;
mod hostile_retries;
mod hostile_server;
mod hostile_texts;
mod kills;
mod layers;
mod readme;
mod restarts;
mod small_disk;
mod strangers;
mod thin_links;
