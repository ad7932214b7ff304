//! The text of the prompt: the user, the server, the state of the connection, and how many lines wait.

use qchat_client::UserName;

use crate::execute::Executor;

/// The state of the connection, as the prompt tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConnectionState {
    /// Open, or opened by the next line: nobody is signed in.
    Ready,
    /// Lost, and no attempt to reconnect has failed yet.
    Reconnecting,
    /// The server was not reached.
    Offline,
}

/// The prompt of an executor without an outbox: `alice@localhost> `, or `alice@localhost (offline)> `.
pub fn prompt_text(executor: &Executor) -> String {
    let state = match executor.is_connected() || executor.closed_idle() {
        true => ConnectionState::Ready,
        false => ConnectionState::Offline,
    };
    prompt(executor, state, 0)
}

/// The prompt with a state and a number of waiting lines: `alice@localhost (offline, 3 waiting)> `.
pub(super) fn prompt(executor: &Executor, state: ConnectionState, waiting: usize) -> String {
    format(executor.user().as_ref(), executor.server().first().host(), state, waiting)
}

fn format(user: Option<&UserName>, host: &str, state: ConnectionState, waiting: usize) -> String {
    let user = user.map(|user| format!("{user}@")).unwrap_or_default();
    let connection = match state {
        ConnectionState::Ready => None,
        ConnectionState::Reconnecting => Some("reconnecting".to_owned()),
        ConnectionState::Offline => Some("offline".to_owned()),
    };
    let waiting = Some(format!("{waiting} waiting")).filter(|_| waiting > 0);
    let remarks: Vec<_> = connection.into_iter().chain(waiting).collect();
    match remarks.is_empty() {
        true => format!("{user}{host}> "),
        false => format!("{user}{host} ({})> ", remarks.join(", ")),
    }
}

#[cfg(test)]
mod tests;
