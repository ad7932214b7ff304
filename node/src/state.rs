//! The state that all connections share.

use qchat_transfer::Budget;
use tokio_util::sync::CancellationToken;

use crate::auth::{Passwords, Sessions};
use crate::config::Limits;
use crate::files::Uploads;
use crate::identity::Shown;
use crate::limits::{Rates, Shares};
use crate::live::{Frames, Hub, Memberships, Presence, Topic};
use crate::network::{Admission, Caps};
use crate::store::{Store, WakeUp};

/// How many devices of an account may watch at a time. Each is told everything that any of them is told.
const WATCHINGS_OF_ACCOUNT_MAX: u32 = 64;

/// How many messages of an account may be tracked at a time: each looks again whenever anybody marks a
/// message of its log.
const TRACKINGS_OF_ACCOUNT_MAX: u32 = 256;

/// How many streams of texts an account may have open at a time: one for each script and device.
const TEXT_STREAMS_OF_ACCOUNT_MAX: u32 = 16;

/// What the windows of all connections may have beyond the small ones: sixteen of the longest and fastest
/// paths at a time.
const WINDOWS_MEBIBYTES: u16 = 256;

/// What all connections share.
pub(crate) struct Node {
    pub(crate) limits: Limits,
    pub(crate) admission: Admission,
    pub(crate) store: Store,
    pub(crate) passwords: Passwords,
    pub(crate) hub: Hub,
    pub(crate) presence: Presence,
    pub(crate) memberships: Memberships,
    pub(crate) sessions: Sessions,
    pub(crate) frames: Frames,
    pub(crate) uploads: Uploads,
    /// What files may have in memory beyond the small windows of their connections.
    pub(crate) windows: Budget,
    pub(crate) shown: Shown,
    pub(crate) rates: Rates,
    pub(crate) watchings: Shares,
    pub(crate) trackings: Shares,
    pub(crate) text_streams: Shares,
    pub(crate) stopping: CancellationToken,
}

impl Node {
    pub(crate) fn new(
        limits: Limits,
        store: Store,
        uploads: Uploads,
        passwords: Passwords,
    ) -> Self {
        let hub = Hub::default();
        let memberships = Memberships::new(hub.clone());
        store.on_change(wake(hub.clone(), memberships.clone()));
        let caps = Caps::new(limits.connections_max, limits.connections_per_address_max);
        Self {
            limits,
            admission: Admission::new(caps),
            store,
            passwords,
            presence: Presence::new(hub.clone()),
            sessions: Sessions::default(),
            frames: Frames::default(),
            hub,
            memberships,
            uploads,
            windows: Budget::of_mebibytes(WINDOWS_MEBIBYTES),
            shown: Shown::default(),
            rates: Rates::of(limits.commands_per_second),
            watchings: Shares::of(WATCHINGS_OF_ACCOUNT_MAX),
            trackings: Shares::of(TRACKINGS_OF_ACCOUNT_MAX),
            text_streams: Shares::of(TEXT_STREAMS_OF_ACCOUNT_MAX),
            stopping: CancellationToken::new(),
        }
    }
}

/// Brings what the store has changed to those who watch it.
fn wake(hub: Hub, memberships: Memberships) -> impl Fn(WakeUp) {
    move |wake_up| match wake_up {
        WakeUp::Log(log) => hub.wake(&Topic::Log(log)),
        WakeUp::Marks(log) => hub.wake(&Topic::Marks(log)),
        WakeUp::Membership { group, user, is_member } => {
            memberships.changed(&group, user, is_member);
        }
    }
}
