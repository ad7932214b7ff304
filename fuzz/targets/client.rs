//! The files that the client reads back.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| qchat_client::fuzzing::kept(input));
