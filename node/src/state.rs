//! The state that all connections share.

use qchat_transfer::WindowBudget;
use tokio_util::sync::CancellationToken;

use crate::auth::{Passwords, SessionRegistry};
use crate::config::Limits;
use crate::files::FileStore;
use crate::identity::CurrentIdentity;
use crate::limits::{ConcurrencyLimit, RateLimits};
use crate::live::{EventCache, Memberships, Notifier, Presence, Topic};
use crate::network::{Admission, ConnectionLimits};
use crate::store::{Notification, Store};

/// Devices of an account that may watch at a time. Each is sent every event of the account.
const WATCHINGS_OF_ACCOUNT_MAX: u32 = 64;

/// Messages of an account that may be tracked at a time. Each is read again whenever any message of its log
/// is marked.
const TRACKINGS_OF_ACCOUNT_MAX: u32 = 256;

/// Streams of texts of an account at a time: one for each script and device.
const TEXT_STREAMS_OF_ACCOUNT_MAX: u32 = 16;

/// Memory for the windows of all connections beyond the small ones: sixteen of the longest and fastest paths
/// at a time.
const WINDOWS_MEBIBYTES: u16 = 256;

/// The state that all connections share.
pub(crate) struct ServerState {
    pub(crate) limits: Limits,
    pub(crate) admission: Admission,
    pub(crate) store: Store,
    pub(crate) passwords: Passwords,
    pub(crate) notifier: Notifier,
    pub(crate) presence: Presence,
    pub(crate) memberships: Memberships,
    pub(crate) sessions: SessionRegistry,
    pub(crate) event_cache: EventCache,
    pub(crate) file_store: FileStore,
    /// The memory for files beyond the small windows of their connections.
    pub(crate) window_budget: WindowBudget,
    pub(crate) current_identity: CurrentIdentity,
    pub(crate) rate_limits: RateLimits,
    pub(crate) watchings: ConcurrencyLimit,
    pub(crate) trackings: ConcurrencyLimit,
    pub(crate) text_streams: ConcurrencyLimit,
    pub(crate) stopping: CancellationToken,
}

impl ServerState {
    pub(crate) fn new(
        limits: Limits,
        store: Store,
        file_store: FileStore,
        passwords: Passwords,
    ) -> Self {
        let notifier = Notifier::default();
        let memberships = Memberships::new(notifier.clone());
        store.on_change(wake(notifier.clone(), memberships.clone()));
        let connection_limits =
            ConnectionLimits::new(limits.connections_max, limits.connections_per_address_max);
        Self {
            limits,
            admission: Admission::new(connection_limits),
            store,
            passwords,
            presence: Presence::new(notifier.clone()),
            sessions: SessionRegistry::default(),
            event_cache: EventCache::default(),
            notifier,
            memberships,
            file_store,
            window_budget: WindowBudget::of_mebibytes(WINDOWS_MEBIBYTES),
            current_identity: CurrentIdentity::default(),
            rate_limits: RateLimits::of(limits.commands_per_second),
            watchings: ConcurrencyLimit::of(WATCHINGS_OF_ACCOUNT_MAX),
            trackings: ConcurrencyLimit::of(TRACKINGS_OF_ACCOUNT_MAX),
            text_streams: ConcurrencyLimit::of(TEXT_STREAMS_OF_ACCOUNT_MAX),
            stopping: CancellationToken::new(),
        }
    }
}

/// Passes the store's notifications on to the watchers.
fn wake(notifier: Notifier, memberships: Memberships) -> impl Fn(Notification) {
    move |notification| match notification {
        Notification::Log(log) => notifier.wake(&Topic::Log(log)),
        Notification::Marks(log) => notifier.wake(&Topic::Marks(log)),
        Notification::Membership { group, user, is_member } => {
            memberships.changed(&group, user, is_member);
        }
    }
}
