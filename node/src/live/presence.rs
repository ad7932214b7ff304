//! Who is online: the users with a signed-in connection, and who came or went since when.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use qchat_proto::UserName;

use crate::live::change_feed::ChangeFeed;
use crate::live::notifier::Notifier;

/// Counts each user's signed-in connections.
#[derive(Debug, Clone)]
pub(crate) struct Presence {
    state: Arc<Mutex<Connections>>,
    notifier: Notifier,
}

#[derive(Debug, Default)]
struct Connections {
    connections: HashMap<UserName, usize>,
    /// Whether each user is online.
    feed: ChangeFeed<UserName, bool>,
}

/// One signed-in connection of a user. Dropping it takes the user one connection closer to offline.
#[derive(Debug)]
pub(crate) struct Online {
    presence: Presence,
    user: UserName,
}

impl Presence {
    /// Nobody is online; comings and goings are told to `notifier`.
    pub(crate) fn new(notifier: Notifier) -> Self {
        Self { state: Arc::default(), notifier }
    }

    /// Counts a connection of `user` for as long as the answer is kept.
    pub(crate) fn enter(&self, user: UserName) -> Online {
        let is_first = self.state().count_in(&user);
        if is_first {
            self.notifier.wake_for_presence();
        }
        Online { presence: self.clone(), user }
    }

    /// Whether `user` has a connection.
    pub(crate) fn is_online(&self, user: &UserName) -> bool {
        self.state().connections.contains_key(user)
    }

    /// The number of the last change, from which [`changes_since`](Self::changes_since) goes on.
    pub(crate) fn version(&self) -> u64 {
        self.state().feed.version()
    }

    /// Who came or went after the change numbered `version`, each once and as it is now, and the number
    /// of the last change.
    pub(crate) fn changes_since(&self, version: u64) -> (Vec<(UserName, bool)>, u64) {
        let state = self.state();
        let changes = state.feed.since(version).map(|(_, change)| change.clone());
        (changes.collect(), state.feed.version())
    }

    fn leave(&self, user: &UserName) {
        let was_last = self.state().count_out(user);
        if was_last {
            self.notifier.wake_for_presence();
        }
    }

    fn state(&self) -> MutexGuard<'_, Connections> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connections {
    /// Says whether it is the user's first connection.
    fn count_in(&mut self, user: &UserName) -> bool {
        let connections = self.connections.entry(user.clone()).or_default();
        *connections += 1;
        let is_first = *connections == 1;
        if is_first {
            self.feed.note(user.clone(), true);
        }
        is_first
    }

    /// Says whether it was the user's last connection.
    fn count_out(&mut self, user: &UserName) -> bool {
        let Some(connections) = self.connections.get_mut(user) else { return false };
        *connections -= 1;
        let was_last = *connections == 0;
        if was_last {
            self.connections.remove(user);
            self.feed.note(user.clone(), false);
        }
        was_last
    }
}

impl Drop for Online {
    fn drop(&mut self) {
        self.presence.leave(&self.user);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> UserName {
        name.parse().unwrap()
    }

    #[test]
    fn a_user_is_online_until_the_last_connection_ends() {
        let presence = Presence::new(Notifier::default());
        let (one, two) = (presence.enter(user("alice")), presence.enter(user("alice")));
        drop(one);
        assert!(presence.is_online(&user("alice")));
        drop(two);
        assert!(!presence.is_online(&user("alice")));
    }

    #[test]
    fn a_change_is_told_once_and_as_it_is_now() {
        let presence = Presence::new(Notifier::default());
        let alice = presence.enter(user("alice"));
        let seen = presence.version();
        let _bob = presence.enter(user("bob"));
        let _bob_again = presence.enter(user("bob"));
        drop(alice);
        drop(presence.enter(user("alice")));
        let (changes, version) = presence.changes_since(seen);
        assert_eq!(changes, [(user("bob"), true), (user("alice"), false)]);
        assert_eq!(presence.changes_since(version).0, []);
    }
}
