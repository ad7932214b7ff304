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
pub(crate) struct Notifier {
    state: Arc<Mutex<Watchers>>,
}

#[derive(Debug, Default)]
struct Watchers {
    next: u64,
    watchers: HashMap<u64, Arc<Flags>>,
    followers: HashMap<Topic, HashSet<u64>>,
}

#[derive(Debug, Default)]
struct Flags {
    pending: Mutex<Pending>,
    notify: Notify,
}

/// What there is to look at: at most one flag for each log that is followed.
#[derive(Debug, Default)]
pub(crate) struct Pending {
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
    notifier: Notifier,
    number: u64,
    flags: Arc<Flags>,
    follows: HashSet<Topic>,
}

impl Notifier {
    /// A new watcher, who follows nothing yet.
    pub(crate) fn watcher(&self) -> Watcher {
        let mut state = lock(&self.state);
        let number = state.next;
        state.next += 1;
        let flags = Arc::<Flags>::default();
        state.watchers.insert(number, Arc::clone(&flags));
        Watcher { notifier: self.clone(), number, flags, follows: HashSet::new() }
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
            flags.raise(|pending| match topic {
                Topic::Log(log) => _ = pending.logs.insert(log.clone()),
                Topic::Marks(_) => pending.marks = true,
            });
        }
    }

    /// Wakes those who follow a group because somebody joined or left it.
    pub(crate) fn wake_for_members(&self, group: &GroupName) {
        let log = Address::Group(group.clone());
        for flags in lock(&self.state).followers_of(&Topic::Log(log.clone())) {
            flags.raise(|pending| pending.members = true);
        }
        // A message is delivered when all have it who are members now.
        self.wake(&Topic::Marks(log));
    }

    /// Wakes everybody: somebody came or went.
    pub(crate) fn wake_for_presence(&self) {
        for flags in lock(&self.state).watchers.values() {
            flags.raise(|pending| pending.presence = true);
        }
    }
}

impl Watcher {
    /// Follows `topic` from now on. Looking comes after: what changes meanwhile raises the flag.
    pub(crate) fn follow(&mut self, topic: Topic) {
        lock(&self.notifier.state).followers.entry(topic.clone()).or_default().insert(self.number);
        self.follows.insert(topic);
    }

    /// Follows `topic` no more.
    pub(crate) fn unfollow(&mut self, topic: &Topic) {
        self.follows.remove(topic);
        lock(&self.notifier.state).forget(self.number, topic);
    }

    /// What was raised since the last call, once there is something.
    ///
    /// # Cancel safety
    /// Cancel safe: flags stay raised until they are returned.
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

    /// Waits until messages were delivered or read in a log whose marks are followed.
    ///
    /// # Cancel safety
    /// Cancel safe, where nothing but marks is followed.
    pub(crate) async fn woken_for_marks(&self) {
        while !self.woken().await.marks {}
    }
}

impl Flags {
    fn raise(&self, flag: impl FnOnce(&mut Pending)) {
        flag(&mut lock(&self.pending));
        self.notify.notify_one();
    }
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.logs.is_empty() && !self.presence && !self.members && !self.marks
    }
}

impl Watchers {
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
        let mut state = lock(&self.notifier.state);
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
        let notifier = Notifier::default();
        let mut watcher = notifier.watcher();
        watcher.follow(group("lab"));
        for log in ["lab", "lab", "kitchen"] {
            notifier.wake(&group(log));
        }
        notifier.wake(&Topic::Marks(Address::Group("lab".parse().unwrap())));
        let pending = watcher.woken().await;
        assert_eq!(pending.logs, HashSet::from([Address::Group("lab".parse().unwrap())]));
        assert!(!pending.presence && !pending.members && !pending.marks);
        watcher.unfollow(&group("lab"));
        notifier.wake(&group("lab"));
        notifier.wake_for_members(&"lab".parse().unwrap());
        notifier.wake_for_presence();
        let pending = watcher.woken().await;
        assert!(pending.presence && pending.logs.is_empty() && !pending.members);
    }

    #[tokio::test]
    async fn who_follows_marks_hears_of_members_too() {
        let notifier = Notifier::default();
        let mut watcher = notifier.watcher();
        watcher.follow(Topic::Marks(Address::Group("lab".parse().unwrap())));
        notifier.wake_for_members(&"lab".parse().unwrap());
        let pending = watcher.woken().await;
        assert!(pending.marks && !pending.members);
    }

    #[test]
    fn who_is_gone_leaves_nothing_behind() {
        let notifier = Notifier::default();
        let mut watcher = notifier.watcher();
        watcher.follow(group("lab"));
        drop(watcher);
        let state = lock(&notifier.state);
        assert!(state.watchers.is_empty() && state.followers.is_empty());
    }
}
