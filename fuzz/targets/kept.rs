//! The files of its user that the terminal reads back.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| qchat_terminal::fuzzing::kept(input));
