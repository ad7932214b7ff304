//! The wire: golden bytes for everything that is said, and what hostile bytes may cost.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that meets what it did not expect panics: that is its answer"
)]

mod generated;
mod golden;
mod hostile;
mod memory;
mod samples;
mod variants;
