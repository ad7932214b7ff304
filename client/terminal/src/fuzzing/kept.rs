//! Reads back the files that the terminal keeps for its user.

use qchat_client::SessionToken;

use crate::config::settings;
use crate::execute::upload_ids;
use crate::outbox::{Waiting, understand};

/// Parses the bytes as each of the files that the terminal keeps.
///
/// # Panics
/// A file is parsed differently after it was written again.
pub fn kept(input: &[u8]) {
    check_outbox(input);
    upload_ids::check_note(input);
    let text = String::from_utf8_lossy(input);
    settings::check_config(&text);
    if let Some(token) = SessionToken::from_hex(text.trim_end()) {
        assert!(text.trim_end().eq_ignore_ascii_case(&token.to_hex()));
    }
}

fn check_outbox(input: &[u8]) {
    let Ok(waiting) = understand(input) else { return };
    assert!(waiting.iter().all(|waiting| waiting.line.can_wait()));
    let again: String = waiting.iter().map(Waiting::kept).collect();
    assert_eq!(understand(again.as_bytes()).as_ref(), Ok(&waiting));
}

#[cfg(test)]
mod tests;
