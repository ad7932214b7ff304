//! The fuzz target for the files that the client keeps for its user. Its corpus, in
//! `fuzz/corpus`, is replayed by the test here.

use crate::ServerAddress;
use crate::follower::cursor_file;
use crate::trust::known_servers;

/// Reads bytes as each of the files that the client keeps.
///
/// # Panics
/// If a value that was read changes when it is written and read again.
pub fn kept(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    known_servers::check_text(&text);
    cursor_file::check_text(&text);
    if let Ok(address) = text.parse::<ServerAddress>() {
        assert_eq!(address.to_string().parse(), Ok(address));
    }
}

#[cfg(test)]
mod tests;
