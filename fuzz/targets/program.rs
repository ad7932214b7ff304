//! The server's log, and its settings.
#![no_main]

#[expect(dead_code, reason = "no log is started here")]
#[path = "../../src/logs.rs"]
mod logs;
#[expect(dead_code, reason = "no file is read here")]
#[path = "../../src/server_settings.rs"]
mod server_settings;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    logs::check_event(input);
    server_settings::check_text(&String::from_utf8_lossy(input));
});
