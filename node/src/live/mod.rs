//! Live delivery: wakes watchers, and keeps the latest changes for them.

mod change_feed;
mod event_cache;
mod memberships;
mod notifier;
mod presence;

pub(crate) use event_cache::{EventCache, event_frame};
pub(crate) use memberships::Memberships;
pub(crate) use notifier::{Notifier, Pending, Topic, Watcher};
pub(crate) use presence::{OnlineGuard, Presence};
