//! What the prompt says: who is signed in, where, how the link is, and how many lines wait for it.

use qchat_client::UserName;

/// How the link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConnectionState {
    /// It stands, or is made when a line needs it: nobody is signed in.
    Ready,
    /// It was lost, and no try to make it again has failed yet.
    Reconnecting,
    /// The server was not reached.
    Offline,
}

/// `alice@localhost> `, or `alice@localhost (offline, 3 waiting)> `.
pub(crate) fn prompt(
    user: Option<&UserName>,
    host: &str,
    link: ConnectionState,
    waiting: usize,
) -> String {
    let user = user.map(|user| format!("{user}@")).unwrap_or_default();
    let link = match link {
        ConnectionState::Ready => None,
        ConnectionState::Reconnecting => Some("reconnecting".to_owned()),
        ConnectionState::Offline => Some("offline".to_owned()),
    };
    let waiting = Some(format!("{waiting} waiting")).filter(|_| waiting > 0);
    let state: Vec<_> = link.into_iter().chain(waiting).collect();
    match state.is_empty() {
        true => format!("{user}{host}> "),
        false => format!("{user}{host} ({})> ", state.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(link: ConnectionState, waiting: usize, expected: &str) {
        let alice = "alice".parse().unwrap();
        let signed_in = prompt(Some(&alice), "host", link, waiting);
        assert_eq!(signed_in, format!("alice@host{expected}> "));
        assert_eq!(prompt(None, "host", link, waiting), format!("host{expected}> "));
    }

    #[test]
    fn it_says_what_is_not_as_usual() {
        check(ConnectionState::Ready, 0, "");
        check(ConnectionState::Ready, 1, " (1 waiting)");
        check(ConnectionState::Reconnecting, 0, " (reconnecting)");
        check(ConnectionState::Offline, 3, " (offline, 3 waiting)");
    }
}
