//! The entry points of the fuzzers. The tests here replay the corpora in `fuzz/corpus`.

mod frames;
mod names;

pub use frames::frame;
pub use names::name;
