//! Texts of peers, in every form that is shown.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| qchat_terminal::fuzzing::text(input));
