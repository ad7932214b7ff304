//! How often passwords may be tried, by address and by account, with waits that grow. Asked before
//! anything is hashed, and the same for accounts that there are not. Knows no clock.
//!
//! What is tried counts as wrong until it is known to be right, so that many tries at a time gain nothing. A
//! right password takes back what the same address has tried at the same account, and nothing else: who has
//! an account of their own cannot clear their record by signing in to it.
//!
//! Nobody can lock an account's owner out. Every wait belongs to one address, and others' tries do not move its
//! end; what strangers do to an account only makes it longer for an address that was wrong there itself. An
//! address from which the account's password was right before does not even notice. Addresses that are new to
//! an account share a rate, so that a thousand of them do not get a thousand guesses at once; it is far above
//! what an owner needs. Sessions that are resumed never come here.
//!
//! A try costs a hash, of which there are few in a second, and is forgiven after some minutes. So the records that can
//! matter at a time are bounded by themselves, and none has to make room for another: nobody gets rid of
//! their own by filling the tables. `governor` has neither what is taken back, nor waits that grow, nor a
//! bound on its keys.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use qchat_proto::{Refusal, UserName};

use crate::auth::decaying_counter::{DecayPolicy, DecayingCounters};
use crate::auth::hash_queue::HASHES_PER_SECOND_MAX;

/// A wrong password is forgiven after this time: twelve an hour cost nobody anything.
const FORGIVEN_EVERY: Duration = Duration::from_secs(5 * 60);

/// From so many wrong passwords on an address waits: a second, then two, then four. A household mistypes
/// fewer.
const FREE_PER_ADDRESS: u32 = 5;
const ADDRESS_WAIT_MAX: Duration = Duration::from_secs(5 * 60);

/// From so many at an account on, each address that was wrong there waits. The end of this wait is what an owner
/// who mistypes on an unknown device has to wait for during an attack, so it is short.
const FREE_PER_ACCOUNT: u32 = 10;
const ACCOUNT_WAIT_MAX: Duration = Duration::from_secs(60);

/// What is counted at an account: as much as its wait needs to grow to its end, and no more, so that it is
/// forgiven in an hour and a half after whatever attack.
const ACCOUNT_COUNT_MAX: u32 = FREE_PER_ACCOUNT + 6;

/// How many tries an account takes from addresses that are new to it: so many at once, and five in a second.
const NEWCOMERS_AT_ONCE: u32 = 20;
const NEWCOMER_EVERY: Duration = Duration::from_millis(200);

/// For how long an address from which a password was right is known to its account, and how many are.
/// Who is forgotten is a newcomer, no worse.
const KNOWN_TIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);
const KNOWN_MAX: usize = 16_384;

/// The wait of an address that has made all the accounts that it may.
const REGISTRATION_WAIT_MAX: Duration = Duration::from_secs(5 * 60);

/// More tries than that are not made before the first of them are forgiven: 9,000.
const RECORDS_MAX: usize = 300 * 30;
const _: () = assert!(FORGIVEN_EVERY.as_secs() == 300 && HASHES_PER_SECOND_MAX == 30);

/// Who tries a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    /// Their address, as [`network`](crate::network::network) sees it.
    pub(crate) network: IpAddr,
    /// The account, whether there is such a one or not.
    pub(crate) user: UserName,
}

/// What was tried lately.
#[derive(Debug)]
pub(crate) struct LoginThrottle {
    /// Its keys are secret, so that nobody finds two names that are taken for one.
    hasher: RandomState,
    accounts_per_hour: NonZeroU32,
    counters: Mutex<Counters>,
}

#[derive(Debug)]
struct Counters {
    addresses: DecayingCounters,
    accounts: DecayingCounters,
    /// The same by address and account.
    pairs: DecayingCounters,
    newcomers: DecayingCounters,
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
    /// Lets an address make so many accounts in an hour.
    pub(crate) fn new(accounts_per_hour: NonZeroU32) -> Self {
        let wrong = |count_max| DecayPolicy {
            forgiven_every: FORGIVEN_EVERY,
            count_max,
            records_max: RECORDS_MAX,
        };
        let terms = |forgiven_every, count_max, records_max| {
            DecayingCounters::new(DecayPolicy { forgiven_every, count_max, records_max })
        };
        // The wait bounds the count of an address, so that it needs no other bound.
        let counters = Counters {
            addresses: DecayingCounters::new(wrong(1_000)),
            accounts: DecayingCounters::new(wrong(ACCOUNT_COUNT_MAX)),
            pairs: DecayingCounters::new(wrong(1_000)),
            newcomers: terms(NEWCOMER_EVERY, NEWCOMERS_AT_ONCE, RECORDS_MAX),
            known: terms(KNOWN_TIME, 1, KNOWN_MAX),
            registrations: terms(
                Duration::from_secs(60 * 60) / accounts_per_hour.get(),
                accounts_per_hour.get().saturating_add(10),
                RECORDS_MAX,
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

    /// The same, and counts the try as wrong.
    ///
    /// # Errors
    /// [`Refusal::TooManyAttempts`].
    pub(crate) fn begin(&self, origin: &Origin, now: Instant) -> Result<(), Refusal> {
        let (keys, mut counters) = (self.keys(origin), self.counters());
        counters.may_try(keys, now)?;
        counters.addresses.add(keys.address, now);
        counters.accounts.add(keys.account, now);
        counters.pairs.add(keys.pair, now);
        if !counters.is_known(keys, now) {
            counters.newcomers.add(keys.account, now);
        }
        Ok(())
    }

    /// The password was right.
    pub(crate) fn was_right(&self, origin: &Origin, now: Instant) {
        let (keys, mut counters) = (self.keys(origin), self.counters());
        let tried = counters.pairs.count(keys.pair, now);
        counters.take_back(keys, tried);
        counters.known.add(keys.pair, now);
    }

    /// The try came to nothing, through no fault of theirs.
    pub(crate) fn was_not_checked(&self, origin: &Origin) {
        self.counters().take_back(self.keys(origin), 1);
    }

    /// Their weight in the line for a hash: nothing where the account's password was right before, else more
    /// the more passwords were wrong.
    pub(crate) fn weight(&self, origin: &Origin, now: Instant) -> u32 {
        let (keys, counters) = (self.keys(origin), self.counters());
        match counters.is_known(keys, now) {
            true => 0,
            false => counters.addresses.count(keys.address, now).saturating_add(1),
        }
    }

    /// Whether an account may be made from there now.
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

    /// The same, and counts it.
    ///
    /// # Errors
    /// [`Refusal::TooManyRegistrations`].
    pub(crate) fn register(&self, network: IpAddr, now: Instant) -> Result<(), Refusal> {
        self.may_register(network, now)?;
        self.counters().registrations.add(self.hasher.hash_one(network), now);
        Ok(())
    }

    /// The weight of a registration: more the more there were from that address.
    pub(crate) fn weight_of_registration(&self, network: IpAddr, now: Instant) -> u32 {
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
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
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
            left = left.max(self.left_at_account(keys, now));
        }
        match left {
            Duration::ZERO => Ok(()),
            left => Err(Refusal::TooManyAttempts { retry_after_seconds: seconds(left) }),
        }
    }

    /// What an address waits for at an account to which it is new.
    fn left_at_account(&self, keys: Keys, now: Instant) -> Duration {
        let account = Wait { free: FREE_PER_ACCOUNT, longest: ACCOUNT_WAIT_MAX };
        let length = account.length(self.accounts.count(keys.account, now));
        // How long says the account, from when on the address itself.
        let own = left_of(length, self.pairs.last(keys.pair, now), now);
        match self.newcomers.count(keys.account, now) < NEWCOMERS_AT_ONCE {
            true => own,
            false => own.max(NEWCOMER_EVERY),
        }
    }

    fn take_back(&mut self, keys: Keys, count: u32) {
        self.addresses.take_back(keys.address, count);
        self.accounts.take_back(keys.account, count);
        self.pairs.take_back(keys.pair, count);
    }
}

/// A wait that grows with a count.
#[derive(Debug, Clone, Copy)]
struct Wait {
    /// So many cost none.
    free: u32,
    longest: Duration,
}

impl Wait {
    fn length(self, count: u32) -> Duration {
        let Some(beyond) = count.checked_sub(self.free) else { return Duration::ZERO };
        let seconds = 1_u64.checked_shl(beyond).unwrap_or(u64::MAX);
        Duration::from_secs(seconds).min(self.longest)
    }

    fn left(self, records: &DecayingCounters, key: u64, now: Instant) -> Duration {
        let last = records.last(key, now);
        let length = last.map(|last| self.length(records.count(key, last)));
        left_of(length.unwrap_or_default(), last, now)
    }
}

/// What is left of a wait that began at that time.
fn left_of(length: Duration, begun: Option<Instant>, now: Instant) -> Duration {
    let waited = begun.map(|begun| now.saturating_duration_since(begun));
    waited.map_or(Duration::ZERO, |waited| length.saturating_sub(waited))
}

/// Whole seconds after which it is over.
fn seconds(left: Duration) -> u32 {
    u32::try_from(left.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
