//! Bounds what each account has of something at a time, so that none takes all of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use qchat_proto::{Refusal, UserName};

/// What accounts have of one thing.
#[derive(Debug, Clone)]
pub(crate) struct ConcurrencyLimit {
    most: u32,
    taken: Arc<Mutex<HashMap<UserName, u32>>>,
}

/// One of them. Dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Permit {
    shares: ConcurrencyLimit,
    user: UserName,
}

impl ConcurrencyLimit {
    /// At most so many for each account.
    pub(crate) fn of(most: u32) -> Self {
        Self { most, taken: Arc::default() }
    }

    /// Takes one.
    ///
    /// # Errors
    /// [`Refusal::TooManyAtOnce`], where the account has as many as it may.
    pub(crate) fn take(&self, user: &UserName) -> Result<Permit, Refusal> {
        let mut taken = self.taken();
        let of_user = taken.entry(user.clone()).or_default();
        if *of_user >= self.most {
            return Err(Refusal::TooManyAtOnce(self.most));
        }
        *of_user += 1;
        Ok(Permit { shares: self.clone(), user: user.clone() })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<UserName, u32>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut taken = self.shares.taken();
        let Some(of_user) = taken.get_mut(&self.user) else { return };
        *of_user -= 1;
        if *of_user == 0 {
            taken.remove(&self.user);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_that_has_its_share_takes_nobody_elses() {
        let shares = ConcurrencyLimit::of(2);
        let (alice, bob) = ("alice".parse().unwrap(), "bob".parse().unwrap());
        let of_alice = [shares.take(&alice).unwrap(), shares.take(&alice).unwrap()];
        assert!(matches!(shares.take(&alice), Err(Refusal::TooManyAtOnce(2))));
        let of_bob = shares.take(&bob).unwrap();
        drop(of_alice);
        assert!(shares.take(&alice).is_ok());
        drop(of_bob);
        assert!(shares.taken().is_empty());
    }
}
