//! Frames, and the memory that they may cost.
#![no_main]

use allocation_counter::measure;
use libfuzzer_sys::fuzz_target;

/// The bound on memory for one frame that is read, written and read again.
const COST_MAX: u64 = 4 * 1024 * 1024;

fuzz_target!(|input: &[u8]| {
    let used = measure(|| qchat_proto::fuzzing::frame(input)).bytes_max;
    assert!(used <= COST_MAX, "{used} bytes");
});
