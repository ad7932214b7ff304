//! Presence: the users with a signed-in connection, and a log of the latest changes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use qchat_proto::UserName;

use crate::live::change_feed::ChangeFeed;
use crate::live::notifier::Notifier;
use crate::lock::lock;

/// Counts each user's signed-in connections.
#[derive(Debug, Clone)]
pub(crate) struct Presence {
    state: Arc<Mutex<PresenceState>>,
    notifier: Notifier,
}

#[derive(Debug, Default)]
struct PresenceState {
    connections: HashMap<UserName, usize>,
    /// The latest changes: whether a user is online.
    feed: ChangeFeed<UserName, bool>,
}

/// Counts one signed-in connection of a user until it is dropped.
#[derive(Debug)]
pub(crate) struct OnlineGuard {
    presence: Presence,
    user: UserName,
}

impl Presence {
    /// Nobody is online yet. Each change wakes the watchers of `notifier`.
    pub(crate) fn new(notifier: Notifier) -> Self {
        Self { state: Arc::default(), notifier }
    }

    /// Counts a connection of `user` until the guard is dropped.
    pub(crate) fn enter(&self, user: UserName) -> OnlineGuard {
        let is_first = self.state().count_in(&user);
        if is_first {
            self.notifier.wake_for_presence();
        }
        OnlineGuard { presence: self.clone(), user }
    }

    /// Whether `user` has a signed-in connection.
    pub(crate) fn is_online(&self, user: &UserName) -> bool {
        self.state().connections.contains_key(user)
    }

    /// The number of the latest change, the argument of the next call of [`changes_since`](Self::changes_since).
    pub(crate) fn version(&self) -> u64 {
        self.state().feed.version()
    }

    /// The users who went online (`true`) or offline after `version`, each once in the latest state, and the number of
    /// the latest change.
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

    fn state(&self) -> MutexGuard<'_, PresenceState> {
        lock(&self.state)
    }
}

impl PresenceState {
    /// Returns whether this is the first connection of the user.
    fn count_in(&mut self, user: &UserName) -> bool {
        let connections = self.connections.entry(user.clone()).or_default();
        *connections += 1;
        let is_first = *connections == 1;
        if is_first {
            self.feed.note(user.clone(), true);
        }
        is_first
    }

    /// Returns whether this was the last connection of the user.
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

impl Drop for OnlineGuard {
    fn drop(&mut self) {
        self.presence.leave(&self.user);
    }
}

#[cfg(test)]
mod tests;
