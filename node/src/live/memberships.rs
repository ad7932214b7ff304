//! Who joined and left which group, since when.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use qchat_proto::{GroupName, UserName};

use crate::live::change_feed::ChangeFeed;
use crate::live::notifier::Notifier;

/// A user in a group.
type GroupMember = (GroupName, UserName);

/// The latest joins and leaves.
#[derive(Debug, Clone)]
pub(crate) struct Memberships {
    feed: Arc<Mutex<ChangeFeed<GroupMember, bool>>>,
    notifier: Notifier,
}

impl Memberships {
    /// Nobody has joined or left yet; joins and leaves are told to `notifier`.
    pub(crate) fn new(notifier: Notifier) -> Self {
        Self { feed: Arc::default(), notifier }
    }

    /// Notes a join or a leave.
    pub(crate) fn changed(&self, group: &GroupName, user: UserName, is_member: bool) {
        self.feed().note((group.clone(), user), is_member);
        self.notifier.wake_for_members(group);
    }

    /// The number of the last change, from which [`changes_since`](Self::changes_since) goes on.
    pub(crate) fn version(&self) -> u64 {
        self.feed().version()
    }

    /// The users who joined (`true`) or left the groups that `is_wanted` after the change numbered
    /// `version`, each as it is now, and the number of the last change. A reader hears nothing from before
    /// they joined the group themselves.
    pub(crate) fn changes_since(
        &self,
        version: u64,
        reader: &UserName,
        is_wanted: impl Fn(&GroupName) -> bool,
    ) -> (Vec<(GroupMember, bool)>, u64) {
        let feed = self.feed();
        let is_later = |number: u64, group: &GroupName| {
            let joined = feed.last_change(&(group.clone(), reader.clone()));
            joined.is_none_or(|joined| joined < number)
        };
        let wanted = feed.since(version).filter(|(number, ((group, user), _))| {
            user != reader && is_wanted(group) && is_later(*number, group)
        });
        (wanted.map(|(_, change)| change.clone()).collect(), feed.version())
    }

    fn feed(&self) -> MutexGuard<'_, ChangeFeed<GroupMember, bool>> {
        self.feed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
