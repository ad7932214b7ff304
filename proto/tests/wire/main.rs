//! The wire: golden bytes of every frame, and the cost of hostile bytes.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test reports an unexpected value by a panic"
)]

mod generated;
mod golden;
mod hostile;
mod memory;
mod protocol_page;
mod samples;
mod variants;
