//! Notices about the key of a server.

use std::fmt::Display;

use qchat_client::{Client, Fingerprint};

/// The notice about the key that a new connection has shown, unless the key was known before.
pub(super) fn key_notice(client: &Client) -> Option<String> {
    let server = client.server();
    if let Some(key) = client.changed_key() {
        return Some(key_change(server, key));
    }
    let key = client.first_contact()?;
    Some(match client.pin_error() {
        None => format!("new server {server}, remembered: {key}"),
        Some(error) => format!("new server {server}: {key}; it is not remembered: {error}"),
    })
}

/// The notice about an announced key that the server shows now.
pub(crate) fn key_change(server: &impl Display, key: Fingerprint) -> String {
    format!("the key of {server} has changed to the one that it had announced: {key}")
}
