//! Who is online: the users with a signed-in connection.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use qchat_proto::UserName;

type Connections = HashMap<UserName, usize>;

/// How many signed-in connections each user has.
#[derive(Debug, Clone, Default)]
pub(crate) struct Presence {
    connections: Arc<Mutex<Connections>>,
}

/// One signed-in connection of a user. Dropping it takes the user one connection closer to offline.
#[derive(Debug)]
pub(crate) struct Online {
    presence: Presence,
    user: UserName,
}

impl Presence {
    /// Counts a connection of `user` for as long as the answer is kept.
    pub(crate) fn enter(&self, user: UserName) -> Online {
        *self.connections().entry(user.clone()).or_default() += 1;
        Online { presence: self.clone(), user }
    }

    /// Whether `user` has a connection.
    pub(crate) fn is_online(&self, user: &UserName) -> bool {
        self.connections().contains_key(user)
    }

    fn connections(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Online {
    fn drop(&mut self) {
        let mut connections = self.presence.connections();
        if let Some(count) = connections.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                connections.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_online_until_the_last_connection_ends() {
        let presence = Presence::default();
        let alice: UserName = "alice".parse().unwrap();
        let (one, two) = (presence.enter(alice.clone()), presence.enter(alice.clone()));
        drop(one);
        assert!(presence.is_online(&alice));
        drop(two);
        assert!(!presence.is_online(&alice));
    }
}
