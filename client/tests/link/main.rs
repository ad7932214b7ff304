//! The SDK against a small server that each test programs: with wrong answers, cuts and wrong identities.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that meets what it did not expect should panic: that is its answer"
)]

mod announcements;
mod answers;
#[path = "../../../tests/corpus/mod.rs"]
mod corpus;
mod downloads;
mod hostile_names;
mod identity;
mod reconnect;
mod retries;
mod server;
mod several;
mod uploads;
