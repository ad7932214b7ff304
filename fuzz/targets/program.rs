//! The server's log, and its settings.
#![no_main]

#[expect(dead_code, reason = "no log is started here")]
#[path = "../../src/logging.rs"]
mod logging;
#[expect(dead_code, reason = "no file is read here")]
#[path = "../../src/server_config.rs"]
mod server_config;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    logging::check_event(input);
    server_config::check_text(&String::from_utf8_lossy(input));
});
