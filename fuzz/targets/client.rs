//! What the client reads back from its files.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| qchat_client::fuzzing::kept(input));
