//! What the terminal reads back from its user's files.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| qchat_terminal::fuzzing::kept(input));
