//! Records that a disk has damaged.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| qchat_node::fuzzing::records(input));
