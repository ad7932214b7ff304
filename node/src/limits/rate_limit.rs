//! Rate limits. A connection or an account that asks too fast waits, and no command is refused for it.
//!
//! A command that waits holds its stream. A connection has a bounded number of streams, so a flood stops at
//! its sender. Each mechanism is here because a test fails without it:
//!
//! - The bucket of a connection keeps one device from using its account's whole rate:
//!   `a_user_over_the_rate_limit_waits_on_that_device_only_and_is_never_refused`
//!   (`tests/hostile/fairness.rs`). It is also the only bucket while nobody is signed in.
//! - The bucket of an account outlives a connection that closes before its answer:
//!   `a_client_that_leaves_before_the_answer_pays_for_it` (`tests/hostile/command_costs.rs`).
//! - The slots for commands at work bound unread answers:
//!   `unread_answers_occupy_only_the_slots_of_one_account` (`tests/hostile/strangers/hoards.rs`). The store's
//!   writer commits waiting changes together, so they also keep one account from filling a commit.
//! - The slots for long requests bound requests that never end:
//!   `endless_requests_occupy_only_the_memory_of_one_account` (same file). The slots for commands at work
//!   cannot do this: a device on a slow link would hold up the account's other devices, see
//!   `long_slow_requests_leave_slots_for_other_devices` (same file).
//! - The slots for session control are separate, so that the holder of a stolen session cannot keep its owner
//!   from ending it: `a_thief_of_a_session_cannot_keep_the_owner_from_ending_it` (same file). They are few, since
//!   each command may use a thread: `session_control_occupies_only_the_threads_of_its_slots` (same file).

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};

use qchat_proto::UserName;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits::token_bucket::{Rate, TokenBucket};
use crate::lock::lock;

/// The number of known accounts above which idle accounts are removed.
const ACCOUNTS_BEFORE_SWEEP: usize = 256;

/// Tokens that a connection earns in a second, by default. A script that waits for each answer sends fewer
/// commands, because each answer waits for an fsync. One core answers five times as many.
pub(crate) const TOKENS_PER_SECOND: NonZeroU32 = non_zero(1_000);

/// A bucket keeps the tokens of so many seconds for bursts.
const BURST_SECONDS: NonZeroU32 = non_zero(2);

/// An account earns so many times as much as a connection, so that one busy device leaves tokens for others.
const ACCOUNT_FACTOR: NonZeroU32 = non_zero(2);

/// Commands of an account that are at work at a time. Four times as many as keep the store's writer busy from
/// one fsync to the next, and a small part of a commit.
pub(crate) const COMMANDS_AT_WORK_MAX: usize = 16;

/// Session control commands of an account that are at work at a time, beside the others.
const SESSION_CONTROL_MAX: usize = 4;

/// Long requests of an account that are in memory at a time, from their first bytes to their answer.
const LONG_REQUESTS_MAX: usize = 32;

const fn non_zero(number: u32) -> NonZeroU32 {
    match NonZeroU32::new(number) {
        Some(number) => number,
        None => NonZeroU32::MIN,
    }
}

/// One of an account's slots. Dropping it frees the slot.
pub(crate) type CommandSlot = OwnedSemaphorePermit;

/// The limits that all connections of an account share.
#[derive(Debug)]
pub(crate) struct AccountLimits {
    pub(crate) bucket: TokenBucket,
    commands: Arc<Semaphore>,
    session_control: Arc<Semaphore>,
    long_requests: Arc<Semaphore>,
}

impl AccountLimits {
    fn of(rate: Rate) -> Self {
        Self {
            bucket: TokenBucket::of(rate),
            commands: Arc::new(Semaphore::new(COMMANDS_AT_WORK_MAX)),
            session_control: Arc::new(Semaphore::new(SESSION_CONTROL_MAX)),
            long_requests: Arc::new(Semaphore::new(LONG_REQUESTS_MAX)),
        }
    }

    /// Whether a new account would have the same limits.
    fn is_idle(&self) -> bool {
        let slots = [&self.commands, &self.session_control, &self.long_requests];
        self.bucket.is_full() && slots.into_iter().all(|slots| Arc::strong_count(slots) == 1)
    }

    /// Waits for a slot for a command.
    ///
    /// # Cancel safety
    /// Cancel safe: the position in the queue is lost. The same is true of the other two.
    pub(crate) async fn command_slot(&self) -> Option<CommandSlot> {
        slot(&self.commands).await
    }

    /// Waits for a slot for a command about the account's sessions.
    pub(crate) async fn session_control_slot(&self) -> Option<CommandSlot> {
        slot(&self.session_control).await
    }

    /// Waits for a slot for a long request.
    pub(crate) async fn long_request_slot(&self) -> Option<CommandSlot> {
        slot(&self.long_requests).await
    }
}

async fn slot(slots: &Arc<Semaphore>) -> Option<CommandSlot> {
    // The semaphore is never closed, so this is never `None`.
    Arc::clone(slots).acquire_owned().await.ok()
}

/// The rates of connections and accounts, and the limits of each active account.
#[derive(Debug)]
pub(crate) struct RateLimits {
    of_connection: Rate,
    of_account: Rate,
    accounts: Mutex<LimitsByAccount>,
}

#[derive(Debug)]
struct LimitsByAccount {
    known: HashMap<UserName, Arc<AccountLimits>>,
    /// At this many accounts, drop those that are idle.
    sweep_at: usize,
}

impl Default for LimitsByAccount {
    fn default() -> Self {
        Self { known: HashMap::new(), sweep_at: ACCOUNTS_BEFORE_SWEEP }
    }
}

impl RateLimits {
    /// Limits by which a connection earns so many tokens a second.
    pub(crate) fn of(per_second: NonZeroU32) -> Self {
        let rate = |per_second: NonZeroU32| Rate {
            per_second,
            burst: per_second.saturating_mul(BURST_SECONDS),
        };
        Self {
            of_connection: rate(per_second),
            of_account: rate(per_second.saturating_mul(ACCOUNT_FACTOR)),
            accounts: Mutex::default(),
        }
    }

    /// The bucket of a new connection.
    pub(crate) fn connection(&self) -> TokenBucket {
        TokenBucket::of(self.of_connection)
    }

    /// The limits of an account. They outlive the account's connections until the bucket is full again, so that
    /// a new connection brings no new tokens.
    pub(crate) fn account(&self, user: &UserName) -> Arc<AccountLimits> {
        let mut accounts = lock(&self.accounts);
        if let Some(account) = accounts.known.get(user) {
            return Arc::clone(account);
        }
        accounts.sweep();
        let account = Arc::new(AccountLimits::of(self.of_account));
        accounts.known.insert(user.clone(), Arc::clone(&account));
        account
    }
}

impl LimitsByAccount {
    /// Removes idle accounts each time that the map has doubled, so that a new account pays for a few looks.
    fn sweep(&mut self) {
        if self.known.len() < self.sweep_at {
            return;
        }
        self.known.retain(|_, account| Arc::strong_count(account) > 1 || !account.is_idle());
        self.sweep_at = ACCOUNTS_BEFORE_SWEEP.max(self.known.len().saturating_mul(2));
    }
}

#[cfg(test)]
mod tests;
