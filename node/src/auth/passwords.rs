//! Passwords: hashed with argon2id, never on the runtime's threads, and checked no more often than
//! [`LoginThrottle`] allows.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Instant;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Params, PasswordHasher, PasswordVerifier, Version};
use qchat_proto::{Password, Refusal};

use crate::auth::argon2id::ReusableArgon2;
use crate::auth::hash_queue::{HashQueue, HashSlot, QueueFull, Waiter};
use crate::auth::login_throttle::{LoginThrottle, Origin};
use crate::error::{CommandError, CommandResult};

/// Hashing failed.
#[derive(Debug, thiserror::Error)]
enum HashError {
    #[error("hashing a password: {0}")]
    Hash(argon2::password_hash::Error),
    #[error("the hashing thread panicked")]
    Panicked,
}

/// The result of checking a password against a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PasswordCheck {
    /// The password is wrong.
    Wrong,
    /// The password is right.
    Right,
    /// The password is right, and its hash is cheaper to guess than one of today.
    RightButWeak,
}

/// Hashes and checks passwords.
#[derive(Debug)]
pub(crate) struct Passwords {
    queue: HashQueue,
    throttle: LoginThrottle,
    argon: ReusableArgon2,
    /// A hash for unknown users: checking against it makes them cost as much as known ones.
    unknown_user_hash: String,
}

impl Passwords {
    /// An address may make so many accounts in an hour.
    ///
    /// # Errors
    /// The errors of argon2 and of the operating system's random numbers.
    pub(crate) fn new(accounts_per_hour: NonZeroU32) -> Result<Self, argon2::password_hash::Error> {
        let argon = ReusableArgon2::default();
        let unknown_user_hash = argon.hash_password(b"nobody")?.to_string();
        let throttle = LoginThrottle::new(accounts_per_hour);
        Ok(Self { queue: HashQueue::new(), throttle, argon, unknown_user_hash })
    }

    /// Hashes the password of a new account.
    ///
    /// # Errors
    /// [`Refusal::TooManyRegistrations`], before anything is hashed; [`Refusal::Busy`].
    pub(crate) async fn hash_for_registration(
        &self,
        network: IpAddr,
        password: Password,
    ) -> CommandResult<String> {
        let now = Instant::now();
        self.throttle.may_register(network, now)?;
        let weight = self.throttle.registration_weight(network, now);
        let slot = self.queue.slot(Waiter { network, weight }).await?;
        self.throttle.register(network, Instant::now())?;
        self.make_hash(slot, password).await
    }

    /// Hashes the new password of a user who has shown the current one.
    ///
    /// # Errors
    /// [`Refusal::Busy`].
    pub(crate) async fn hash(&self, network: IpAddr, password: Password) -> CommandResult<String> {
        let slot = self.queue.slot(Waiter { network, weight: 0 }).await?;
        self.make_hash(slot, password).await
    }

    /// Checks a password against a hash. Without a hash the password is wrong, after the same time.
    ///
    /// # Errors
    /// [`Refusal::TooManyAttempts`], before anything is hashed; [`Refusal::Busy`].
    pub(crate) async fn check(
        &self,
        origin: &Origin,
        password: Password,
        hash: Option<String>,
    ) -> CommandResult<PasswordCheck> {
        let now = Instant::now();
        self.throttle.may_try(origin, now)?;
        let weight = self.throttle.weight(origin, now);
        let slot = self.queue.slot(Waiter { network: origin.network, weight }).await?;
        // Other attempts may have been wrong in the meantime.
        self.throttle.begin_attempt(origin, Instant::now())?;
        let check = self.verify(slot, password, hash).await;
        match &check {
            Ok(PasswordCheck::Wrong) => tracing::debug!(from = %origin.network, "a wrong password"),
            Ok(PasswordCheck::Right | PasswordCheck::RightButWeak) => {
                self.throttle.note_right(origin, Instant::now());
            }
            Err(_) => self.throttle.note_unchecked(origin),
        }
        check
    }

    /// The password's hash in PHC form with a new salt: argon2id, 19 MiB, t=2, p=1 (the first choice of
    /// OWASP's Password Storage Cheat Sheet).
    async fn make_hash(&self, slot: HashSlot, password: Password) -> CommandResult<String> {
        let argon = self.argon.clone();
        let hash = slot.hash(move || {
            let hash = argon.hash_password(password.expose().as_bytes());
            hash.map(|hash| hash.to_string())
        });
        let hash = hash.await.map_err(|_| CommandError::failed(HashError::Panicked))?;
        hash.map_err(|error| CommandError::failed(HashError::Hash(error)))
    }

    async fn verify(
        &self,
        slot: HashSlot,
        password: Password,
        hash: Option<String>,
    ) -> CommandResult<PasswordCheck> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.unknown_user_hash.clone());
        let argon = self.argon.clone();
        let checked = slot.hash(move || {
            let hash = PasswordHash::new(&hash)?;
            let checked = argon.verify_password(password.expose().as_bytes(), &hash);
            Ok(match checked {
                Ok(()) if known && is_weak(&hash) => PasswordCheck::RightButWeak,
                Ok(()) if known => PasswordCheck::Right,
                _ => PasswordCheck::Wrong,
            })
        });
        let checked: Result<PasswordCheck, argon2::password_hash::phc::Error> =
            checked.await.map_err(|_| CommandError::failed(HashError::Panicked))?;
        checked.map_err(|error| CommandError::Failed(error.to_string().into()))
    }
}

impl From<QueueFull> for CommandError {
    fn from(_: QueueFull) -> Self {
        Refusal::Busy.into()
    }
}

/// Whether a hash is cheaper to guess than one that is made today.
fn is_weak(hash: &PasswordHash) -> bool {
    let (kind, version) = (Algorithm::default(), u32::from(Version::default()));
    let today = Params::default();
    let is_strong =
        |params: Params| params.m_cost() >= today.m_cost() && params.t_cost() >= today.t_cost();
    hash.algorithm != kind.ident()
        || hash.version < Some(version)
        || !Params::try_from(hash).is_ok_and(is_strong)
}

#[cfg(test)]
mod tests;
