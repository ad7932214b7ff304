//! The stream of a file.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| qchat_transfer::fuzzing::stream(input));
