//! Passwords: hashed with argon2id, never on the runtime's threads, and checked no oftener than
//! [`LoginThrottle`] lets them be tried.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Instant;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Params, PasswordHasher, PasswordVerifier, Version};
use qchat_proto::{Password, Refusal};

use crate::auth::argon2id::Argon;
use crate::auth::hash_queue::{HashQueue, HashSlot, QueueFull, Waiter};
use crate::auth::login_throttle::{LoginThrottle, Origin};
use crate::error::CommandError;

/// Hashing did not work.
#[derive(Debug, thiserror::Error)]
enum HashError {
    #[error("hashing a password: {0}")]
    Hash(argon2::password_hash::Error),
    #[error("the hashing thread panicked")]
    Panicked,
}

/// What came of checking a password against a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PasswordCheck {
    /// It is another one.
    Wrong,
    /// It is the one.
    Right,
    /// It is the one, and its hash costs a guesser less than one of today would.
    RightButWeak,
}

/// Hashes and checks passwords.
#[derive(Debug)]
pub(crate) struct Passwords {
    queue: HashQueue,
    throttle: LoginThrottle,
    argon: Argon,
    /// The hash of a password that nobody has: checking against it makes an unknown user cost as much
    /// as a known one.
    nobody: String,
}

impl Passwords {
    /// Starts with a hash of nobody's password. An address may make so many accounts in an hour.
    ///
    /// # Errors
    /// What argon2 or the operating system's random numbers report.
    pub(crate) fn new(accounts_per_hour: NonZeroU32) -> Result<Self, argon2::password_hash::Error> {
        let argon = Argon::default();
        let nobody = argon.hash_password(b"nobody")?.to_string();
        let throttle = LoginThrottle::new(accounts_per_hour);
        Ok(Self { queue: HashQueue::new(), throttle, argon, nobody })
    }

    /// The hash of a new account's password.
    ///
    /// # Errors
    /// [`Refusal::TooManyRegistrations`], before anything is hashed; [`Refusal::Busy`].
    pub(crate) async fn hash_first(
        &self,
        network: IpAddr,
        password: Password,
    ) -> Result<String, CommandError> {
        let now = Instant::now();
        self.throttle.may_register(network, now)?;
        let weight = self.throttle.weight_of_registration(network, now);
        let turn = self.queue.next(Waiter { network, weight }).await?;
        self.throttle.register(network, Instant::now())?;
        self.make_hash(turn, password).await
    }

    /// The hash of a password of somebody who has shown that they know the one in force.
    ///
    /// # Errors
    /// [`Refusal::Busy`].
    pub(crate) async fn hash(
        &self,
        network: IpAddr,
        password: Password,
    ) -> Result<String, CommandError> {
        let turn = self.queue.next(Waiter { network, weight: 0 }).await?;
        self.make_hash(turn, password).await
    }

    /// Whether the password belongs to the hash. Without a hash it is wrong, and that takes as long.
    ///
    /// # Errors
    /// [`Refusal::TooManyAttempts`], before anything is hashed; [`Refusal::Busy`].
    pub(crate) async fn check(
        &self,
        origin: &Origin,
        password: Password,
        hash: Option<String>,
    ) -> Result<PasswordCheck, CommandError> {
        let now = Instant::now();
        self.throttle.may_try(origin, now)?;
        let weight = self.throttle.weight(origin, now);
        let turn = self.queue.next(Waiter { network: origin.network, weight }).await?;
        // Others may have been wrong while this one waited.
        self.throttle.begin(origin, Instant::now())?;
        let verdict = self.verify(turn, password, hash).await;
        match &verdict {
            Ok(PasswordCheck::Wrong) => tracing::debug!(from = %origin.network, "a wrong password"),
            Ok(PasswordCheck::Right | PasswordCheck::RightButWeak) => {
                self.throttle.was_right(origin, Instant::now());
            }
            Err(_) => self.throttle.was_not_checked(origin),
        }
        verdict
    }

    /// The password's hash in PHC form, with a salt of its own: argon2id, 19 MiB, t=2, p=1 (the first
    /// choice of OWASP's Password Storage Cheat Sheet).
    async fn make_hash(&self, turn: HashSlot, password: Password) -> Result<String, CommandError> {
        let argon = self.argon.clone();
        let hash = turn.hash(move || {
            let hash = argon.hash_password(password.expose().as_bytes());
            hash.map(|hash| hash.to_string())
        });
        let hash = hash.await.map_err(|_| CommandError::failed(HashError::Panicked))?;
        hash.map_err(|error| CommandError::failed(HashError::Hash(error)))
    }

    async fn verify(
        &self,
        turn: HashSlot,
        password: Password,
        hash: Option<String>,
    ) -> Result<PasswordCheck, CommandError> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.nobody.clone());
        let argon = self.argon.clone();
        let fits = turn.hash(move || {
            let hash = PasswordHash::new(&hash)?;
            let fits = argon.verify_password(password.expose().as_bytes(), &hash);
            Ok(match fits {
                Ok(()) if known && is_weak(&hash) => PasswordCheck::RightButWeak,
                Ok(()) if known => PasswordCheck::Right,
                _ => PasswordCheck::Wrong,
            })
        });
        let fits: Result<PasswordCheck, argon2::password_hash::phc::Error> =
            fits.await.map_err(|_| CommandError::failed(HashError::Panicked))?;
        fits.map_err(|error| CommandError::Failed(error.to_string().into()))
    }
}

impl From<QueueFull> for CommandError {
    fn from(_: QueueFull) -> Self {
        Refusal::Busy.into()
    }
}

/// Whether a hash costs a guesser less than one that is made today.
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
mod tests {
    use argon2::Argon2;

    use super::*;

    fn password(text: &str) -> Password {
        Password::try_from(text.to_owned()).unwrap()
    }

    fn passwords() -> Passwords {
        Passwords::new(NonZeroU32::MAX).unwrap()
    }

    /// Everybody comes from an address of their own.
    async fn check(passwords: &Passwords, text: &str, hash: Option<&str>) -> PasswordCheck {
        let host = getrandom::u32().unwrap();
        let network = std::net::Ipv4Addr::from(host).into();
        let origin = Origin { network, user: format!("user{host}").parse().unwrap() };
        passwords.check(&origin, password(text), hash.map(str::to_owned)).await.unwrap()
    }

    #[tokio::test]
    async fn a_password_fits_its_own_hash_alone() {
        let passwords = passwords();
        let hash = passwords.hash([192, 0, 2, 1].into(), password("hunter2")).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_eq!(check(&passwords, "hunter2", Some(&hash)).await, PasswordCheck::Right);
        assert_eq!(check(&passwords, "hunter3", Some(&hash)).await, PasswordCheck::Wrong);
        assert_eq!(check(&passwords, "nobody", None).await, PasswordCheck::Wrong);
    }

    #[tokio::test]
    async fn a_hash_that_is_cheaper_to_guess_than_todays_is_weak() {
        let passwords = passwords();
        let (today, kind) = (Params::default(), Algorithm::Argon2id);
        for (kind, version, memory, passes, expected) in [
            (kind, Version::V0x13, today.m_cost(), today.t_cost(), PasswordCheck::Right),
            (kind, Version::V0x13, today.m_cost() + 8, today.t_cost() + 1, PasswordCheck::Right),
            (kind, Version::V0x13, today.m_cost() - 1, today.t_cost(), PasswordCheck::RightButWeak),
            (kind, Version::V0x13, today.m_cost(), today.t_cost() - 1, PasswordCheck::RightButWeak),
            (kind, Version::V0x10, today.m_cost(), today.t_cost(), PasswordCheck::RightButWeak),
            (Algorithm::Argon2i, Version::V0x13, today.m_cost(), 3, PasswordCheck::RightButWeak),
        ] {
            let params = Params::new(memory, passes, 1, None).unwrap();
            let hash = Argon2::new(kind, version, params).hash_password(b"hunter2").unwrap();
            let hash = hash.to_string();
            assert_eq!(check(&passwords, "hunter2", Some(&hash)).await, expected, "{hash}");
            assert_eq!(
                check(&passwords, "hunter3", Some(&hash)).await,
                PasswordCheck::Wrong,
                "{hash}"
            );
        }
    }

    #[tokio::test]
    async fn who_was_wrong_too_often_is_told_so_before_anything_is_hashed() {
        let passwords = passwords();
        let hash = passwords.hash([192, 0, 2, 1].into(), password("hunter2")).await.unwrap();
        let origin = Origin { network: [192, 0, 2, 1].into(), user: "alice".parse().unwrap() };
        let tries = (0..20).map(|_| passwords.check(&origin, password("hunter3"), None));
        let mut tasks: Vec<_> = tries.map(Box::pin).collect();
        let mut hashed = 0;
        for task in &mut tasks {
            match task.await {
                Ok(verdict) => hashed += u32::from(verdict == PasswordCheck::Wrong),
                Err(CommandError::Refused(Refusal::TooManyAttempts { .. })) => {}
                Err(failure) => panic!("{failure:?}"),
            }
        }
        assert!(hashed < 20, "{hashed}");
        let right = passwords.check(&origin, password("hunter2"), Some(hash)).await;
        assert!(matches!(right, Err(CommandError::Refused(Refusal::TooManyAttempts { .. }))));
    }

    #[tokio::test]
    async fn a_hash_that_cannot_be_read_is_held_against_nobody() {
        let passwords = passwords();
        let origin = Origin { network: [192, 0, 2, 1].into(), user: "alice".parse().unwrap() };
        for _ in 0..8 {
            let checked = passwords.check(&origin, password("x"), Some("no hash".into())).await;
            assert!(matches!(checked, Err(CommandError::Failed(_))), "{checked:?}");
        }
    }
}
