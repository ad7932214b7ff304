//! A log of the latest joins and leaves of groups.

use std::sync::{Arc, Mutex, MutexGuard};

use qchat_proto::{GroupName, UserName};

use crate::live::change_feed::ChangeFeed;
use crate::live::notifier::Notifier;
use crate::lock::lock;

/// A user in a group.
type GroupMember = (GroupName, UserName);

/// The latest joins and leaves.
#[derive(Debug, Clone)]
pub(crate) struct Memberships {
    feed: Arc<Mutex<ChangeFeed<GroupMember, bool>>>,
    notifier: Notifier,
}

impl Memberships {
    /// An empty log, which wakes the watchers of `notifier`.
    pub(crate) fn new(notifier: Notifier) -> Self {
        Self { feed: Arc::default(), notifier }
    }

    /// Records a join or a leave, and wakes the watchers of the group.
    pub(crate) fn changed(&self, group: &GroupName, user: UserName, is_member: bool) {
        self.feed().note((group.clone(), user), is_member);
        self.notifier.wake_for_members(group);
    }

    /// The number of the latest change, the argument of the next call of [`changes_since`](Self::changes_since).
    pub(crate) fn version(&self) -> u64 {
        self.feed().version()
    }

    /// The users who joined (`true`) or left the selected groups after `version`, each in the latest state, and the
    /// number of the latest change. Changes from before the reader's own join are left out.
    pub(crate) fn changes_since(
        &self,
        version: u64,
        reader: &UserName,
        is_selected: impl Fn(&GroupName) -> bool,
    ) -> (Vec<(GroupMember, bool)>, u64) {
        let feed = self.feed();
        let is_later = |number: u64, group: &GroupName| {
            let joined = feed.last_change(&(group.clone(), reader.clone()));
            joined.is_none_or(|joined| joined < number)
        };
        let changes = feed.since(version).filter(|(number, ((group, user), _))| {
            user != reader && is_selected(group) && is_later(*number, group)
        });
        (changes.map(|(_, change)| change.clone()).collect(), feed.version())
    }

    fn feed(&self) -> MutexGuard<'_, ChangeFeed<GroupMember, bool>> {
        lock(&self.feed)
    }
}
