//! The system tests: the real program in temporary folders, over real QUIC on port 0.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that meets what it did not expect panics: that is its answer"
)]

mod accounts;
mod cluster;
mod failures;
mod faults;
mod files;
mod harness;
mod hostile;
mod messages;
mod prompt;
mod repository;
mod server;
mod several_servers;

mod corpus;
