//! Names and ids of every kind.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| qchat_proto::fuzzing::name(input));
