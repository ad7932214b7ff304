//! Passwords: hashed with argon2id on a bounded pool, never on the runtime's threads.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Params, PasswordHasher, PasswordVerifier, Version};
use qchat_proto::{Password, Refusal};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::argon::Argon;
use crate::failure::Failure;

/// How many people may wait for a hash. One takes about 40 ms of a core.
const WAITING_MAX: usize = 64;

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
pub(crate) enum Verdict {
    /// It is another one.
    Wrong,
    /// It is the one.
    Right,
    /// It is the one, and its hash costs a guesser less than one of today would.
    RightButWeak,
}

/// Hashes and checks passwords, as many at a time as there are cores.
#[derive(Debug)]
pub(crate) struct Passwords {
    cores: Arc<Semaphore>,
    places: Semaphore,
    argon: Argon,
    /// The hash of a password that nobody has: checking against it makes an unknown user cost as much
    /// as a known one.
    nobody: String,
}

impl Passwords {
    /// Starts with a hash of nobody's password.
    ///
    /// # Errors
    /// What argon2 or the operating system's random numbers report.
    pub(crate) fn new() -> Result<Self, argon2::password_hash::Error> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let argon = Argon::default();
        let nobody = argon.hash_password(b"nobody")?.to_string();
        Ok(Self {
            cores: Arc::new(Semaphore::new(cores)),
            places: Semaphore::new(WAITING_MAX),
            argon,
            nobody,
        })
    }

    /// The password's hash in PHC form, with a salt of its own: argon2id, 19 MiB, t=2, p=1 (the first
    /// choice of OWASP's Password Storage Cheat Sheet).
    pub(crate) async fn hash(&self, password: Password) -> Result<String, Failure> {
        let argon = self.argon.clone();
        let hash = self.on_pool(move || {
            let hash = argon.hash_password(password.expose().as_bytes());
            hash.map(|hash| hash.to_string())
        });
        hash.await?.map_err(|error| Failure::fault(HashError::Hash(error)))
    }

    /// Whether the password belongs to the hash. Without a hash it is wrong, and that takes as long.
    pub(crate) async fn verify(
        &self,
        password: Password,
        hash: Option<String>,
    ) -> Result<Verdict, Failure> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.nobody.clone());
        let argon = self.argon.clone();
        let fits = self.on_pool(move || {
            let hash = PasswordHash::new(&hash)?;
            let fits = argon.verify_password(password.expose().as_bytes(), &hash);
            Ok(match fits {
                Ok(()) if known && is_weak(&hash) => Verdict::RightButWeak,
                Ok(()) if known => Verdict::Right,
                _ => Verdict::Wrong,
            })
        });
        let fits: Result<Verdict, argon2::password_hash::phc::Error> = fits.await?;
        fits.map_err(|error| Failure::Fault(error.to_string().into()))
    }

    /// Runs `work` when a core is free. A full queue is refused at once.
    async fn on_pool<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let Ok(_place) = self.places.try_acquire() else { return Err(Refusal::Busy.into()) };
        let core = Arc::clone(&self.cores).acquire_owned().await;
        let core = core.map_err(|_| Failure::from(Refusal::ShuttingDown))?;
        let done = spawn_blocking(move || {
            // The work cannot be cancelled, so the core is in use until it ends, awaited or not.
            let _core = core;
            work()
        });
        done.await.map_err(|_| Failure::fault(HashError::Panicked))
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

    #[tokio::test]
    async fn a_password_fits_its_own_hash_alone() {
        let passwords = Passwords::new().unwrap();
        let hash = passwords.hash(password("hunter2")).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        let verify = async |text, hash| passwords.verify(password(text), hash).await.unwrap();
        assert_eq!(verify("hunter2", Some(hash.clone())).await, Verdict::Right);
        assert_eq!(verify("hunter3", Some(hash)).await, Verdict::Wrong);
        assert_eq!(verify("nobody", None).await, Verdict::Wrong);
    }

    #[tokio::test]
    async fn a_hash_that_is_cheaper_to_guess_than_todays_is_weak() {
        let passwords = Passwords::new().unwrap();
        let (today, kind) = (Params::default(), Algorithm::Argon2id);
        for (kind, version, memory, passes, expected) in [
            (kind, Version::V0x13, today.m_cost(), today.t_cost(), Verdict::Right),
            (kind, Version::V0x13, today.m_cost() + 8, today.t_cost() + 1, Verdict::Right),
            (kind, Version::V0x13, today.m_cost() - 1, today.t_cost(), Verdict::RightButWeak),
            (kind, Version::V0x13, today.m_cost(), today.t_cost() - 1, Verdict::RightButWeak),
            (kind, Version::V0x10, today.m_cost(), today.t_cost(), Verdict::RightButWeak),
            (Algorithm::Argon2i, Version::V0x13, today.m_cost(), 3, Verdict::RightButWeak),
        ] {
            let params = Params::new(memory, passes, 1, None).unwrap();
            let hash = Argon2::new(kind, version, params).hash_password(b"hunter2").unwrap();
            let verdict = passwords.verify(password("hunter2"), Some(hash.to_string())).await;
            assert_eq!(verdict.unwrap(), expected, "{hash}");
            let verdict = passwords.verify(password("hunter3"), Some(hash.to_string())).await;
            assert_eq!(verdict.unwrap(), Verdict::Wrong, "{hash}");
        }
    }
}
