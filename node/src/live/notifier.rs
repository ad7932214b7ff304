//! Wake-ups: tells those who follow something that there is more to look at.
//!
//! The hub carries flags, no messages. Who is woken looks for themselves, from where they were, so that a
//! slow reader costs a few flags, and nothing falls between catching up and living.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use qchat_proto::{Address, GroupName};
use tokio::sync::Notify;

/// What can be followed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Topic {
    /// What is added to a log.
    Log(Address),
    /// What becomes of a log's messages with those whom they were sent to.
    Marks(Address),
}

/// Who follows what.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hub {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    watchers: HashMap<u64, Arc<Flags>>,
    followers: HashMap<Topic, HashSet<u64>>,
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
    /// Whether messages of a log whose marks are followed were delivered or read.
    pub(crate) marks: bool,
}

/// One who watches. Dropping it ends that.
#[derive(Debug)]
pub(crate) struct Watcher {
    hub: Hub,
    number: u64,
    flags: Arc<Flags>,
    follows: HashSet<Topic>,
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

    /// How many follow the topic.
    pub(crate) fn followers(&self, topic: &Topic) -> usize {
        lock(&self.state).followers.get(topic).map_or(0, HashSet::len)
    }

    /// How many there are.
    pub(crate) fn watchers(&self) -> usize {
        lock(&self.state).watchers.len()
    }

    /// Wakes those who follow the topic.
    pub(crate) fn wake(&self, topic: &Topic) {
        for flags in lock(&self.state).followers_of(topic) {
            flags.raise(|raised| match topic {
                Topic::Log(log) => _ = raised.logs.insert(log.clone()),
                Topic::Marks(_) => raised.marks = true,
            });
        }
    }

    /// Wakes those who follow a group because somebody joined or left it.
    pub(crate) fn wake_for_members(&self, group: &GroupName) {
        let log = Address::Group(group.clone());
        for flags in lock(&self.state).followers_of(&Topic::Log(log.clone())) {
            flags.raise(|raised| raised.members = true);
        }
        // A message is delivered when all have it who are members now.
        self.wake(&Topic::Marks(log));
    }

    /// Wakes everybody: somebody came or went.
    pub(crate) fn wake_for_presence(&self) {
        for flags in lock(&self.state).watchers.values() {
            flags.raise(|raised| raised.presence = true);
        }
    }
}

impl Watcher {
    /// Follows `topic` from now on. Looking comes after: what changes meanwhile raises the flag.
    pub(crate) fn follow(&mut self, topic: Topic) {
        lock(&self.hub.state).followers.entry(topic.clone()).or_default().insert(self.number);
        self.follows.insert(topic);
    }

    /// Follows `topic` no more.
    pub(crate) fn unfollow(&mut self, topic: &Topic) {
        self.follows.remove(topic);
        lock(&self.hub.state).forget(self.number, topic);
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

    /// Waits until messages were delivered or read in a log whose marks are followed.
    ///
    /// # Cancel safety
    /// Cancel safe, where nothing but marks is followed.
    pub(crate) async fn woken_for_marks(&self) {
        while !self.woken().await.marks {}
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
        self.logs.is_empty() && !self.presence && !self.members && !self.marks
    }
}

impl State {
    fn followers_of(&self, topic: &Topic) -> impl Iterator<Item = &Arc<Flags>> {
        let numbers = self.followers.get(topic).into_iter().flatten();
        numbers.filter_map(|number| self.watchers.get(number))
    }

    fn forget(&mut self, number: u64, topic: &Topic) {
        if let Some(followers) = self.followers.get_mut(topic) {
            followers.remove(&number);
            if followers.is_empty() {
                self.followers.remove(topic);
            }
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let mut state = lock(&self.hub.state);
        state.watchers.remove(&self.number);
        for topic in &self.follows {
            state.forget(self.number, topic);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(name: &str) -> Topic {
        Topic::Log(Address::Group(name.parse().unwrap()))
    }

    #[tokio::test]
    async fn a_watcher_is_woken_for_what_it_follows_and_only_once() {
        let hub = Hub::default();
        let mut watcher = hub.watcher();
        watcher.follow(group("lab"));
        for log in ["lab", "lab", "kitchen"] {
            hub.wake(&group(log));
        }
        hub.wake(&Topic::Marks(Address::Group("lab".parse().unwrap())));
        let raised = watcher.woken().await;
        assert_eq!(raised.logs, HashSet::from([Address::Group("lab".parse().unwrap())]));
        assert!(!raised.presence && !raised.members && !raised.marks);
        watcher.unfollow(&group("lab"));
        hub.wake(&group("lab"));
        hub.wake_for_members(&"lab".parse().unwrap());
        hub.wake_for_presence();
        let raised = watcher.woken().await;
        assert!(raised.presence && raised.logs.is_empty() && !raised.members);
    }

    #[tokio::test]
    async fn who_follows_marks_hears_of_members_too() {
        let hub = Hub::default();
        let mut watcher = hub.watcher();
        watcher.follow(Topic::Marks(Address::Group("lab".parse().unwrap())));
        hub.wake_for_members(&"lab".parse().unwrap());
        let raised = watcher.woken().await;
        assert!(raised.marks && !raised.members);
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
