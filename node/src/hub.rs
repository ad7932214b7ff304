//! Wake-ups: tells those who follow a log that there is more in it.
//!
//! The hub carries flags, no messages. Who is woken reads the log from where they were, so that a slow
//! reader costs a few flags, and nothing falls between catching up and living.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use qchat_proto::Address;
use tokio::sync::Notify;

/// Who follows which log.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hub {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    watchers: HashMap<u64, Arc<Flags>>,
    followers: HashMap<Address, HashSet<u64>>,
}

#[derive(Debug, Default)]
struct Flags {
    raised: Mutex<Raised>,
    notify: Notify,
}

/// What there is to look at: at most one flag for each log that is followed.
#[derive(Debug, Default)]
pub(crate) struct Raised {
    /// Logs that have grown, or that the watcher may have lost or won.
    pub(crate) logs: HashSet<Address>,
    /// Whether somebody came or went.
    pub(crate) presence: bool,
    /// Whether somebody joined or left a group that is followed.
    pub(crate) members: bool,
}

/// One who watches. Dropping it ends that.
#[derive(Debug)]
pub(crate) struct Watcher {
    hub: Hub,
    number: u64,
    flags: Arc<Flags>,
    follows: HashSet<Address>,
}

impl Hub {
    /// A new watcher, who follows nothing yet.
    pub(crate) fn watcher(&self) -> Watcher {
        let mut state = lock(&self.state);
        let number = state.next;
        state.next += 1;
        let flags = Arc::<Flags>::default();
        state.watchers.insert(number, Arc::clone(&flags));
        Watcher { hub: self.clone(), number, flags, follows: HashSet::new() }
    }

    /// Wakes those who follow `log`.
    pub(crate) fn wake(&self, log: &Address) {
        for flags in lock(&self.state).followers_of(log) {
            flags.raise(|raised| _ = raised.logs.insert(log.clone()));
        }
    }

    /// Wakes those who follow `log` because somebody joined or left it.
    pub(crate) fn wake_for_members(&self, log: &Address) {
        for flags in lock(&self.state).followers_of(log) {
            flags.raise(|raised| raised.members = true);
        }
    }

    /// Wakes everybody: somebody came or went.
    pub(crate) fn wake_for_presence(&self) {
        for flags in lock(&self.state).watchers.values() {
            flags.raise(|raised| raised.presence = true);
        }
    }
}

impl Watcher {
    /// Follows `log` from now on. Reading it comes after: what is added meanwhile raises the flag.
    pub(crate) fn follow(&mut self, log: Address) {
        lock(&self.hub.state).followers.entry(log.clone()).or_default().insert(self.number);
        self.follows.insert(log);
    }

    /// Follows `log` no more.
    pub(crate) fn unfollow(&mut self, log: &Address) {
        self.follows.remove(log);
        lock(&self.hub.state).forget(self.number, log);
    }

    /// What was raised since the last call, once there is something.
    ///
    /// # Cancel safety
    /// Cancel safe: flags stay raised until they are returned.
    pub(crate) async fn woken(&self) -> Raised {
        loop {
            let notified = self.flags.notify.notified();
            let raised = std::mem::take(&mut *lock(&self.flags.raised));
            if !raised.is_empty() {
                return raised;
            }
            notified.await;
        }
    }
}

impl Flags {
    fn raise(&self, flag: impl FnOnce(&mut Raised)) {
        flag(&mut lock(&self.raised));
        self.notify.notify_one();
    }
}

impl Raised {
    fn is_empty(&self) -> bool {
        self.logs.is_empty() && !self.presence && !self.members
    }
}

impl State {
    fn followers_of(&self, log: &Address) -> impl Iterator<Item = &Arc<Flags>> {
        let numbers = self.followers.get(log).into_iter().flatten();
        numbers.filter_map(|number| self.watchers.get(number))
    }

    fn forget(&mut self, number: u64, log: &Address) {
        if let Some(followers) = self.followers.get_mut(log) {
            followers.remove(&number);
            if followers.is_empty() {
                self.followers.remove(log);
            }
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let mut state = lock(&self.hub.state);
        state.watchers.remove(&self.number);
        for log in &self.follows {
            state.forget(self.number, log);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(name: &str) -> Address {
        Address::Group(name.parse().unwrap())
    }

    #[tokio::test]
    async fn a_watcher_is_woken_for_what_it_follows_and_only_once() {
        let hub = Hub::default();
        let mut watcher = hub.watcher();
        watcher.follow(group("lab"));
        for log in ["lab", "lab", "kitchen"] {
            hub.wake(&group(log));
        }
        let raised = watcher.woken().await;
        assert_eq!(raised.logs, HashSet::from([group("lab")]));
        assert!(!raised.presence);
        watcher.unfollow(&group("lab"));
        hub.wake(&group("lab"));
        hub.wake_for_presence();
        let raised = watcher.woken().await;
        assert!(raised.presence && raised.logs.is_empty());
    }

    #[test]
    fn who_is_gone_leaves_nothing_behind() {
        let hub = Hub::default();
        let mut watcher = hub.watcher();
        watcher.follow(group("lab"));
        drop(watcher);
        let state = lock(&hub.state);
        assert!(state.watchers.is_empty() && state.followers.is_empty());
    }
}
