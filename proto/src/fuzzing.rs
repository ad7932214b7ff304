//! What the fuzzers throw bytes at. Their corpora, in `fuzz/corpus`, are replayed by the tests here.

mod frames;
mod names;

pub use frames::frame;
pub use names::name;
