//! Lines, as they are typed and as a shell hands them over.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| qchat_terminal::fuzzing::line(input));
