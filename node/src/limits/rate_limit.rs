//! How fast connections and accounts may ask. Who asks faster waits, and is refused nothing.
//!
//! Every command costs tokens, one at the least. A connection and an account earn so many a second, and
//! keep some for bursts. What has to wait holds its stream, of which a connection has a bounded number,
//! so a flood stops at its sender. How many commands of one account are at work at a time is bounded as
//! well: what goes to the store together waits for one sync, and a batch that is full of one account's
//! changes would make the others wait for the next.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use qchat_proto::UserName;
use tokio::sync::{Mutex as AsyncMutex, MutexGuard, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep};

/// How many accounts are known before those are forgotten that have not asked for a while.
const ACCOUNTS_BEFORE_SWEEP: usize = 256;

/// Tokens a second, and how many are kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    per_second: NonZeroU32,
    burst: NonZeroU32,
}

/// What a connection earns in a second, unless the server's owner says otherwise: more than a script gets
/// through that waits for each answer, since each of those waits for a sync of the disk. A fifth of what one
/// core does.
pub(crate) const PER_SECOND: NonZeroU32 = non_zero(1_000);

/// What it keeps for bursts: that of so many seconds.
const BURST_SECONDS: NonZeroU32 = non_zero(2);

/// An account, all its connections together, has so many times what one of them has: one device in a
/// frenzy leaves room for the others.
const OF_ACCOUNT: NonZeroU32 = non_zero(2);

/// How many commands of an account are at work at a time. Four times as many as keep the store's writer
/// busy from one sync to the next, and a small part of a batch.
pub(crate) const AT_WORK_MAX: usize = 16;

/// How many commands that end an account's sessions are at work at a time, beside the others.
const ENDING_MAX: usize = 4;

/// How many long requests of an account are kept at a time, from the first bytes to the answer.
const LONG_REQUESTS_MAX: usize = 32;

/// What a command of somebody who is not signed in costs, whatever it is.
pub(crate) const SIGNED_OUT_COST: u32 = 10;

/// Of those who are told, so many cost a token: each costs the server a look into the store and a packet,
/// less than a command does.
const TOLD_A_TOKEN: usize = 16;

/// The most that telling costs. With it, what a connection can have waiting is through in a quarter of the time
/// that a client waits for an answer.
const TELLING_MAX: u32 = 128;

/// So much text costs a token more: it is kept, twice, for ever.
const TEXT_BYTES_A_TOKEN: usize = 4 * 1024;

/// So much of an answer costs a token more: it was read, and has to be sent.
const ANSWER_BYTES_A_TOKEN: usize = 16 * 1024;

/// So many rows that the store looked at for a command cost a token, also those that it left out of the answer: an
/// account may have a third of a core for that.
const ROWS_A_TOKEN: usize = 128;

impl Rate {
    const fn of(per_second: NonZeroU32) -> Self {
        Self { per_second, burst: per_second.saturating_mul(BURST_SECONDS) }
    }

    /// How long an empty purse takes to be full.
    fn fills_in(self) -> Duration {
        Duration::from_secs_f64(f64::from(self.burst.get()) / f64::from(self.per_second.get()))
    }
}

const fn non_zero(number: u32) -> NonZeroU32 {
    match NonZeroU32::new(number) {
        Some(number) => number,
        None => NonZeroU32::MIN,
    }
}

/// What it costs to tell so many watchers of something.
pub(crate) fn of_telling(watchers: usize) -> u32 {
    u32::try_from(watchers / TOLD_A_TOKEN).unwrap_or(TELLING_MAX).min(TELLING_MAX)
}

/// What it costs to keep so many bytes of text.
pub(crate) fn of_text(bytes: usize) -> u32 {
    u32::try_from(bytes / TEXT_BYTES_A_TOKEN).unwrap_or(u32::MAX)
}

/// What an answer of so many bytes costs.
pub(crate) fn of_answer(bytes: usize) -> u32 {
    u32::try_from(bytes / ANSWER_BYTES_A_TOKEN).unwrap_or(u32::MAX)
}

/// What it costs that the store looked at so many rows.
pub(crate) fn of_rows(rows: usize) -> u32 {
    u32::try_from(rows / ROWS_A_TOKEN).unwrap_or(u32::MAX)
}

/// Those of so many rows for which that pays nothing yet.
pub(crate) fn change_of_rows(rows: usize) -> usize {
    rows % ROWS_A_TOKEN
}

/// The runtime's time, for the limiter.
#[derive(Debug)]
struct RuntimeClock(Instant);

impl Clock for RuntimeClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, RuntimeClock, NoOpMiddleware<Duration>>;

/// Tokens that come by themselves.
#[derive(Debug)]
pub(crate) struct TokenBucket {
    rate: Rate,
    limiter: Limiter,
    /// Who pays, one after the other: with several at the limiter, whoever needs many tokens would
    /// never find them. Holds when somebody paid last.
    paying: AsyncMutex<Instant>,
}

impl TokenBucket {
    fn of(rate: Rate) -> Self {
        let quota = Quota::per_second(rate.per_second).allow_burst(rate.burst);
        let now = Instant::now();
        let limiter = RateLimiter::direct_with_clock(quota, RuntimeClock(now));
        Self { rate, limiter, paying: AsyncMutex::new(now) }
    }

    /// Waits until so many tokens are there, and takes them. Who came first has theirs first. What costs
    /// more than a purse can hold costs what it holds.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is taken, and the place in the queue is lost.
    pub(crate) async fn acquire(&self, tokens: u32) {
        let Some(tokens) = NonZeroU32::new(tokens) else { return };
        let mut paying = self.paying.lock().await;
        while let Some(wait) = self.missing(tokens) {
            sleep(wait).await;
        }
        *paying = Instant::now();
    }

    /// Waits until so many tokens are paid, also where they are more than the purse can hold.
    pub(crate) async fn acquire_all(&self, mut tokens: u32) {
        while tokens > 0 {
            let part = tokens.min(self.rate.burst.get());
            self.acquire(part).await;
            tokens -= part;
        }
    }

    /// Takes so many tokens, or tells when they will be there.
    fn missing(&self, tokens: NonZeroU32) -> Option<Duration> {
        let checked = self.limiter.check_n(tokens.min(self.rate.burst));
        // It has room for as many as it keeps.
        let early = checked.ok()?.err()?;
        Some(early.wait_time_from(self.limiter.clock().now()))
    }

    /// Whether it is as full as a new one.
    fn is_full(&self) -> bool {
        let last = self.paying.try_lock().map(|last: MutexGuard<'_, Instant>| *last);
        last.is_ok_and(|last| last.elapsed() >= self.rate.fills_in())
    }
}

/// What all connections of an account share.
#[derive(Debug)]
pub(crate) struct AccountLimits {
    bucket: TokenBucket,
    at_work: Arc<Semaphore>,
    ending: Arc<Semaphore>,
    long_requests: Arc<Semaphore>,
}

impl AccountLimits {
    fn of(rate: Rate) -> Self {
        Self {
            bucket: TokenBucket::of(rate),
            at_work: Arc::new(Semaphore::new(AT_WORK_MAX)),
            ending: Arc::new(Semaphore::new(ENDING_MAX)),
            long_requests: Arc::new(Semaphore::new(LONG_REQUESTS_MAX)),
        }
    }

    /// Whether it has all that it can have.
    fn is_as_new(&self) -> bool {
        self.bucket.is_full()
            && self.at_work.available_permits() == AT_WORK_MAX
            && self.ending.available_permits() == ENDING_MAX
            && self.long_requests.available_permits() == LONG_REQUESTS_MAX
    }

    /// As [`TokenBucket::pay`].
    pub(crate) async fn acquire(&self, tokens: u32) {
        self.bucket.acquire(tokens).await;
    }

    /// As [`TokenBucket::pay_off`].
    pub(crate) async fn acquire_all(&self, tokens: u32) {
        self.bucket.acquire_all(tokens).await;
    }

    /// As [`place`](Self::place), for commands that end sessions: whoever has one of the account's cannot keep its
    /// owner from ending it.
    pub(crate) async fn place_to_end(&self) -> Option<OwnedSemaphorePermit> {
        // It is never closed.
        Arc::clone(&self.ending).acquire_owned().await.ok()
    }

    /// A place among the account's commands that are at work, once one is free.
    ///
    /// # Cancel safety
    /// Cancel safe: the place in the queue is lost.
    pub(crate) async fn place(&self) -> Option<OwnedSemaphorePermit> {
        // It is never closed.
        Arc::clone(&self.at_work).acquire_owned().await.ok()
    }

    /// Room for a long request, once there is some.
    ///
    /// # Cancel safety
    /// Cancel safe: the place in the queue is lost.
    pub(crate) async fn room(&self) -> Option<OwnedSemaphorePermit> {
        // It is never closed.
        Arc::clone(&self.long_requests).acquire_owned().await.ok()
    }
}

/// What everybody earns, and the accounts that have asked for something lately.
#[derive(Debug)]
pub(crate) struct RateLimits {
    of_connection: Rate,
    of_account: Rate,
    accounts: Mutex<LimitsByAccount>,
}

#[derive(Debug)]
struct LimitsByAccount {
    known: HashMap<UserName, Arc<AccountLimits>>,
    /// When there are so many, those are forgotten that are as good as new.
    sweep_at: usize,
}

impl Default for LimitsByAccount {
    fn default() -> Self {
        Self { known: HashMap::new(), sweep_at: ACCOUNTS_BEFORE_SWEEP }
    }
}

impl RateLimits {
    /// A connection earns so many tokens a second.
    pub(crate) fn of(per_second: NonZeroU32) -> Self {
        Self {
            of_connection: Rate::of(per_second),
            of_account: Rate::of(per_second.saturating_mul(OF_ACCOUNT)),
            accounts: Mutex::default(),
        }
    }

    /// What a new connection has.
    pub(crate) fn connection(&self) -> TokenBucket {
        TokenBucket::of(self.of_connection)
    }

    /// What the account has. It outlives the account's connections for as long as it takes to fill up: to
    /// come back brings no new tokens.
    pub(crate) fn account(&self, user: &UserName) -> Arc<AccountLimits> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
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
    /// Now and then, so that each account that comes pays for a few looks at the most.
    fn sweep(&mut self) {
        if self.known.len() < self.sweep_at {
            return;
        }
        self.known.retain(|_, account| Arc::strong_count(account) > 1 || !account.is_as_new());
        self.sweep_at = ACCOUNTS_BEFORE_SWEEP.max(self.known.len().saturating_mul(2));
    }
}

#[cfg(test)]
mod tests;
