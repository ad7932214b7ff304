//! Wakes the watchers of a topic after a change.
//!
//! The notifier carries flags and no messages. A woken watcher reads on from its own position. So a slow reader costs
//! a few flags, and no change is lost between catching up and following.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use qchat_proto::{Address, GroupName};
use tokio::sync::Notify;

use crate::lock::lock;

/// A topic that a watcher can follow.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Topic {
    /// New messages of a log.
    Log(Address),
    /// Delivery and read markers of a log's messages.
    Marks(Address),
}

/// The watchers and their topics. Clones share the state.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notifier {
    state: Arc<Mutex<NotifierState>>,
}

#[derive(Debug, Default)]
struct NotifierState {
    next: u64,
    watchers: HashMap<u64, Arc<WatcherFlags>>,
    followers: HashMap<Topic, HashSet<u64>>,
}

#[derive(Debug, Default)]
struct WatcherFlags {
    pending: Mutex<Pending>,
    notify: Notify,
}

/// The pending changes of one watcher: at most one flag for each followed log.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    /// Logs with new messages, or with a changed permission of the watcher.
    pub(crate) logs: HashSet<Address>,
    /// Whether a user went online or offline.
    pub(crate) presence: bool,
    /// Whether a user joined or left a followed group.
    pub(crate) members: bool,
    /// Whether messages were delivered or read in a log whose markers are followed.
    pub(crate) marks: bool,
}

/// A watcher. Dropping it unfollows all its topics.
#[derive(Debug)]
pub(crate) struct Watcher {
    notifier: Notifier,
    number: u64,
    flags: Arc<WatcherFlags>,
    follows: HashSet<Topic>,
}

impl Notifier {
    /// A new watcher, which follows no topic yet.
    pub(crate) fn watcher(&self) -> Watcher {
        let mut state = lock(&self.state);
        let number = state.next;
        state.next += 1;
        let flags = Arc::<WatcherFlags>::default();
        state.watchers.insert(number, Arc::clone(&flags));
        Watcher { notifier: self.clone(), number, flags, follows: HashSet::new() }
    }

    /// The number of watchers that follow the topic.
    pub(crate) fn followers(&self, topic: &Topic) -> usize {
        lock(&self.state).followers.get(topic).map_or(0, HashSet::len)
    }

    /// The number of watchers.
    pub(crate) fn watchers(&self) -> usize {
        lock(&self.state).watchers.len()
    }

    /// Wakes the watchers that follow the topic.
    pub(crate) fn wake(&self, topic: &Topic) {
        for flags in lock(&self.state).followers_of(topic) {
            flags.set(|pending| match topic {
                Topic::Log(log) => _ = pending.logs.insert(log.clone()),
                Topic::Marks(_) => pending.marks = true,
            });
        }
    }

    /// Wakes the watchers of a group after a join or a leave.
    pub(crate) fn wake_for_members(&self, group: &GroupName) {
        let log = Address::Group(group.clone());
        for flags in lock(&self.state).followers_of(&Topic::Log(log.clone())) {
            flags.set(|pending| pending.members = true);
        }
        // A message counts as delivered once all current members have it, so a leave can change a receipt.
        self.wake(&Topic::Marks(log));
    }

    /// Wakes all watchers after a user went online or offline.
    pub(crate) fn wake_for_presence(&self) {
        for flags in lock(&self.state).watchers.values() {
            flags.set(|pending| pending.presence = true);
        }
    }
}

impl Watcher {
    /// Follows `topic` from now on. The caller reads the current state afterwards, so that no change is missed.
    pub(crate) fn follow(&mut self, topic: Topic) {
        lock(&self.notifier.state).followers.entry(topic.clone()).or_default().insert(self.number);
        self.follows.insert(topic);
    }

    /// Stops following `topic`.
    pub(crate) fn unfollow(&mut self, topic: &Topic) {
        self.follows.remove(topic);
        lock(&self.notifier.state).unfollow(self.number, topic);
    }

    /// Waits for a change, and returns the flags that were set since the last call.
    ///
    /// # Cancel safety
    /// Cancel safe: flags stay set until they are returned.
    pub(crate) async fn woken(&self) -> Pending {
        loop {
            let notified = self.flags.notify.notified();
            let pending = std::mem::take(&mut *lock(&self.flags.pending));
            if !pending.is_empty() {
                return pending;
            }
            notified.await;
        }
    }

    /// Waits until messages were delivered or read in a log whose markers are followed.
    ///
    /// # Cancel safety
    /// Cancel safe, if only markers are followed.
    pub(crate) async fn woken_for_marks(&self) {
        while !self.woken().await.marks {}
    }
}

impl WatcherFlags {
    fn set(&self, flag: impl FnOnce(&mut Pending)) {
        flag(&mut lock(&self.pending));
        self.notify.notify_one();
    }
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.logs.is_empty() && !self.presence && !self.members && !self.marks
    }
}

impl NotifierState {
    fn followers_of(&self, topic: &Topic) -> impl Iterator<Item = &Arc<WatcherFlags>> {
        let numbers = self.followers.get(topic).into_iter().flatten();
        numbers.filter_map(|number| self.watchers.get(number))
    }

    fn unfollow(&mut self, number: u64, topic: &Topic) {
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
        let mut state = lock(&self.notifier.state);
        state.watchers.remove(&self.number);
        for topic in &self.follows {
            state.unfollow(self.number, topic);
        }
    }
}

#[cfg(test)]
mod tests;
