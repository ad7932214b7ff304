//! Limits on password attempts by address and by account, with waits that grow. They are checked before
//! anything is hashed, and are the same for accounts that do not exist. Knows no clock.
//!
//! An attempt counts as wrong until it is known to be right, so that many attempts at a time gain nothing. A
//! right password takes back the attempts of the same address at the same account, and no others: an attacker
//! with an account of their own cannot clear their record by signing in to it.
//!
//! Nobody can lock an account's owner out. Every wait belongs to one address, and attempts of other addresses
//! do not move its end. An attack on an account only makes the wait longer for an address that was wrong
//! there itself. An address from which the account's password was right before is not affected. Addresses
//! that are new to an account share a rate, so that a thousand of them do not get a thousand guesses at once.
//! That rate is far above an owner's need. Resumed sessions are not limited here.
//!
//! An attempt costs a hash, of which there are few in a second, and is forgiven after some minutes. So the
//! number of counters that matter at a time is bounded by itself, and no counter has to make room for
//! another: an attacker cannot clear a record by filling the tables.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use qchat_proto::{Refusal, UserName};

use crate::auth::decaying_counter::{DecayPolicy, DecayingCounters};
use crate::auth::hash_queue::HASHES_PER_SECOND_MAX;
use crate::lock::lock;

/// The time after which a wrong password is forgiven: twelve an hour cause no wait.
const FORGIVEN_EVERY: Duration = Duration::from_secs(5 * 60);

/// From so many wrong passwords on, an address waits: one second, then two, then four. One household mistypes
/// fewer.
const FREE_PER_ADDRESS: u32 = 5;
const ADDRESS_WAIT_MAX: Duration = Duration::from_secs(5 * 60);

/// From so many wrong passwords at an account on, each address that was wrong there waits. During an attack,
/// an owner who mistypes on an unknown device waits as long, so the longest wait is short.
const FREE_PER_ACCOUNT: u32 = 10;
const ACCOUNT_WAIT_MAX: Duration = Duration::from_secs(60);

/// The highest count of an account: enough for its longest wait, so that it is forgiven in an hour and a half
/// after any attack.
const ACCOUNT_COUNT_MAX: u32 = FREE_PER_ACCOUNT + 6;

/// Attempts at an account from addresses that are new to it: so many at once, and five in a second.
const NEW_ADDRESSES_AT_ONCE: u32 = 20;
const NEW_ADDRESS_INTERVAL: Duration = Duration::from_millis(200);

/// For how long an account knows an address from which its password was right, and the number of such
/// addresses. A forgotten address is a new one, no worse.
const KNOWN_TIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);
const KNOWN_MAX: usize = 16_384;

/// The longest wait of an address that has made all the accounts that it may.
const REGISTRATION_WAIT_MAX: Duration = Duration::from_secs(5 * 60);

/// No more attempts than that are made before the first of them are forgiven: 9,000.
const COUNTERS_MAX: usize = 300 * 30;
const _: () = assert!(FORGIVEN_EVERY.as_secs() == 300 && HASHES_PER_SECOND_MAX == 30);

/// The origin of a password attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The client's address, grouped by [`network`](crate::network).
    pub(crate) network: IpAddr,
    /// The account, which may not exist.
    pub(crate) user: UserName,
}

/// The recent attempts.
#[derive(Debug)]
pub(crate) struct LoginThrottle {
    /// Its keys are secret, so that nobody finds two names with the same hash.
    hasher: RandomState,
    accounts_per_hour: NonZeroU32,
    counters: Mutex<Counters>,
}

#[derive(Debug)]
struct Counters {
    addresses: DecayingCounters,
    accounts: DecayingCounters,
    /// Attempts by address and account.
    pairs: DecayingCounters,
    new_addresses: DecayingCounters,
    /// Addresses from which an account's password was right.
    known: DecayingCounters,
    registrations: DecayingCounters,
}

/// The keys of an [`Origin`].
#[derive(Debug, Clone, Copy)]
struct Keys {
    address: u64,
    account: u64,
    pair: u64,
}

impl LoginThrottle {
    /// An address may make so many accounts in an hour.
    pub(crate) fn new(accounts_per_hour: NonZeroU32) -> Self {
        let wrong = |count_max| DecayPolicy {
            decay_time: FORGIVEN_EVERY,
            count_max,
            counters_max: COUNTERS_MAX,
        };
        let counters_of = |decay_time, count_max, counters_max| {
            DecayingCounters::new(DecayPolicy { decay_time, count_max, counters_max })
        };
        // The wait bounds the count of an address, so that it needs no other bound.
        let counters = Counters {
            addresses: DecayingCounters::new(wrong(1_000)),
            accounts: DecayingCounters::new(wrong(ACCOUNT_COUNT_MAX)),
            pairs: DecayingCounters::new(wrong(1_000)),
            new_addresses: counters_of(NEW_ADDRESS_INTERVAL, NEW_ADDRESSES_AT_ONCE, COUNTERS_MAX),
            known: counters_of(KNOWN_TIME, 1, KNOWN_MAX),
            registrations: counters_of(
                Duration::from_secs(60 * 60) / accounts_per_hour.get(),
                accounts_per_hour.get().saturating_add(10),
                COUNTERS_MAX,
            ),
        };
        Self { hasher: RandomState::new(), accounts_per_hour, counters: Mutex::new(counters) }
    }

    /// Whether a password may be tried now.
    ///
    /// # Errors
    /// [`Refusal::TooManyAttempts`].
    pub(crate) fn may_try(&self, origin: &Origin, now: Instant) -> Result<(), Refusal> {
        self.counters().may_try(self.keys(origin), now)
    }

    /// Begins an attempt, which counts as wrong until it is known to be right.
    ///
    /// # Errors
    /// [`Refusal::TooManyAttempts`].
    pub(crate) fn begin_attempt(&self, origin: &Origin, now: Instant) -> Result<(), Refusal> {
        let (keys, mut counters) = (self.keys(origin), self.counters());
        counters.may_try(keys, now)?;
        counters.addresses.add(keys.address, now);
        counters.accounts.add(keys.account, now);
        counters.pairs.add(keys.pair, now);
        if !counters.is_known(keys, now) {
            counters.new_addresses.add(keys.account, now);
        }
        Ok(())
    }

    /// Takes back the attempts of this origin: its password was right.
    pub(crate) fn note_right(&self, origin: &Origin, now: Instant) {
        let (keys, mut counters) = (self.keys(origin), self.counters());
        let tried = counters.pairs.count(keys.pair, now);
        counters.subtract(keys, tried);
        counters.known.add(keys.pair, now);
    }

    /// Takes back one attempt, which was not checked.
    pub(crate) fn note_unchecked(&self, origin: &Origin) {
        self.counters().subtract(self.keys(origin), 1);
    }

    /// The weight in the hash queue: zero if the account's password was right there before. Otherwise it
    /// grows with the wrong passwords of the address.
    pub(crate) fn weight(&self, origin: &Origin, now: Instant) -> u32 {
        let (keys, counters) = (self.keys(origin), self.counters());
        match counters.is_known(keys, now) {
            true => 0,
            false => counters.addresses.count(keys.address, now).saturating_add(1),
        }
    }

    /// Whether an account may be made from an address now.
    ///
    /// # Errors
    /// [`Refusal::TooManyRegistrations`].
    pub(crate) fn may_register(&self, network: IpAddr, now: Instant) -> Result<(), Refusal> {
        let (key, counters) = (self.hasher.hash_one(network), self.counters());
        let free = Wait { free: self.accounts_per_hour.get(), longest: REGISTRATION_WAIT_MAX };
        match free.left(&counters.registrations, key, now) {
            Duration::ZERO => Ok(()),
            left => Err(Refusal::TooManyRegistrations { retry_after_seconds: seconds(left) }),
        }
    }

    /// Counts a new account.
    ///
    /// # Errors
    /// [`Refusal::TooManyRegistrations`].
    pub(crate) fn register(&self, network: IpAddr, now: Instant) -> Result<(), Refusal> {
        self.may_register(network, now)?;
        self.counters().registrations.add(self.hasher.hash_one(network), now);
        Ok(())
    }

    /// The weight of a registration in the hash queue: it grows with the registrations of the address.
    pub(crate) fn registration_weight(&self, network: IpAddr, now: Instant) -> u32 {
        let before = self.counters().registrations.count(self.hasher.hash_one(network), now);
        before.saturating_add(1)
    }

    fn keys(&self, Origin { network, user }: &Origin) -> Keys {
        Keys {
            address: self.hasher.hash_one(network),
            account: self.hasher.hash_one(user.as_str()),
            pair: self.hasher.hash_one((network, user.as_str())),
        }
    }

    fn counters(&self) -> MutexGuard<'_, Counters> {
        lock(&self.counters)
    }
}

impl Counters {
    fn is_known(&self, keys: Keys, now: Instant) -> bool {
        self.known.count(keys.pair, now) > 0
    }

    fn may_try(&self, keys: Keys, now: Instant) -> Result<(), Refusal> {
        let address = Wait { free: FREE_PER_ADDRESS, longest: ADDRESS_WAIT_MAX };
        let mut left = address.left(&self.addresses, keys.address, now);
        if !self.is_known(keys, now) {
            left = left.max(self.wait_at_account(keys, now));
        }
        match left {
            Duration::ZERO => Ok(()),
            left => Err(Refusal::TooManyAttempts { retry_after_seconds: seconds(left) }),
        }
    }

    /// The wait of an address at an account to which it is new.
    fn wait_at_account(&self, keys: Keys, now: Instant) -> Duration {
        let account = Wait { free: FREE_PER_ACCOUNT, longest: ACCOUNT_WAIT_MAX };
        let length = account.length(self.accounts.count(keys.account, now));
        // The account's count decides the length; the address's own last attempt decides the beginning.
        let own = rest_of(length, self.pairs.last(keys.pair, now), now);
        match self.new_addresses.count(keys.account, now) < NEW_ADDRESSES_AT_ONCE {
            true => own,
            false => own.max(NEW_ADDRESS_INTERVAL),
        }
    }

    fn subtract(&mut self, keys: Keys, count: u32) {
        self.addresses.subtract(keys.address, count);
        self.accounts.subtract(keys.account, count);
        self.pairs.subtract(keys.pair, count);
    }
}

/// A wait that grows with a count.
#[derive(Debug, Clone, Copy)]
struct Wait {
    /// So many cause no wait.
    free: u32,
    longest: Duration,
}

impl Wait {
    fn length(self, count: u32) -> Duration {
        let Some(beyond) = count.checked_sub(self.free) else { return Duration::ZERO };
        let seconds = 1_u64.checked_shl(beyond).unwrap_or(u64::MAX);
        Duration::from_secs(seconds).min(self.longest)
    }

    fn left(self, counters: &DecayingCounters, key: u64, now: Instant) -> Duration {
        let last = counters.last(key, now);
        let length = last.map(|last| self.length(counters.count(key, last)));
        rest_of(length.unwrap_or_default(), last, now)
    }
}

/// The rest of a wait that began at a given time.
fn rest_of(length: Duration, begun: Option<Instant>, now: Instant) -> Duration {
    let waited = begun.map(|begun| now.saturating_duration_since(begun));
    waited.map_or(Duration::ZERO, |waited| length.saturating_sub(waited))
}

/// The wait in whole seconds, rounded up.
fn seconds(left: Duration) -> u32 {
    u32::try_from(left.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
