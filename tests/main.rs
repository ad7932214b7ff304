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

mod accidents;
mod bad_network;
mod closed_terminal;
mod comeback;
mod corpus;
mod crash;
mod crowd;
mod damage;
mod expiry;
mod fairness;
mod full_disk;
mod garbage;
mod heartbeat;
mod hostile_names;
mod hostile_retries;
mod hostile_server;
mod hostile_texts;
mod identity;
mod kills;
mod layers;
mod logs;
mod readme;
mod reload;
mod restarts;
mod rotation;
mod server_life;
mod small_disk;
mod start;
mod strangers;
mod thin_links;
mod tls;
