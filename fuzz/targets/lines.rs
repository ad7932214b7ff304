//! Lines, as typed and as arguments of a shell.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| qchat_terminal::fuzzing::line(input));
