use allocation_counter::measure;

use super::*;
use crate::corpus;

/// The most bytes that one frame may allocate while it is decoded, encoded and decoded again.
const COST_MAX: u64 = 4 * 1024 * 1024;

#[test]
fn the_corpus_of_frames_is_decoded_or_refused() {
    let inputs = corpus::read(include_str!("../../../../fuzz/corpus/frames.txt"));
    assert!(inputs.len() > 20);
    for input in inputs {
        let used = measure(|| frame(&input)).bytes_max;
        assert!(used <= COST_MAX, "{used} bytes for {input:?}");
    }
}
