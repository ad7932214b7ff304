//! Changes and questions, by several people.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| qchat_node::fuzzing::changes(input));
