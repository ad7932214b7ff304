//! What the fuzzers throw bytes at. Their corpora, in `fuzz/corpus`, are replayed by the tests here.

mod frames;
mod names;

pub use frames::frame;
pub(crate) use frames::{Check, answer};
pub use names::name;
