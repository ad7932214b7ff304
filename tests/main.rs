//! The house tests: real QUIC on port 0, temporary folders, the real program.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that meets what it did not expect panics: that is its answer"
)]

mod accounts;
mod harness;
mod messages;

mod accidents;
mod bad_network;
mod closed_terminal;
mod comeback;
mod corpus;
mod crash;
mod crowd;
mod cuts;
mod damage;
mod deadlines;
mod expiry;
mod fairness;
mod file_names;
mod file_refusals;
mod files;
mod folders;
mod full_disk;
mod full_streams;
mod garbage;
mod heartbeat;
mod hostile_names;
mod hostile_retries;
mod hostile_server;
mod hostile_texts;
mod identity;
mod kills;
mod layers;
mod live;
mod local_errors;
mod logs;
mod many;
mod outbox;
mod readme;
mod reload;
mod repl;
mod rest;
mod restarts;
mod resume;
mod retention;
mod rotation;
mod screen;
mod scripts;
mod server_life;
mod small_disk;
mod standard_input;
mod start;
mod strangers;
mod terminals;
mod thin_links;
mod tls;
mod torn_files;
mod transfers;
