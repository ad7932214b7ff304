//! A limit on how many things of one kind each account has at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use qchat_proto::{Refusal, UserName};

use crate::lock::lock;

/// The limit, and the permits of each account.
#[derive(Debug, Clone)]
pub(crate) struct ConcurrencyLimit {
    max: u32,
    permits: Arc<Mutex<HashMap<UserName, u32>>>,
}

/// The right to have one more. Dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Permit {
    limit: ConcurrencyLimit,
    user: UserName,
}

impl ConcurrencyLimit {
    /// At most so many for each account.
    pub(crate) fn of(max: u32) -> Self {
        Self { max, permits: Arc::default() }
    }

    /// Takes a permit.
    ///
    /// # Errors
    /// [`Refusal::TooManyAtOnce`], if the account has as many as it may.
    pub(crate) fn take(&self, user: &UserName) -> Result<Permit, Refusal> {
        let mut permits = self.permits();
        let of_user = permits.entry(user.clone()).or_default();
        if *of_user >= self.max {
            return Err(Refusal::TooManyAtOnce(self.max));
        }
        *of_user += 1;
        Ok(Permit { limit: self.clone(), user: user.clone() })
    }

    fn permits(&self) -> MutexGuard<'_, HashMap<UserName, u32>> {
        lock(&self.permits)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut permits = self.limit.permits();
        let Some(of_user) = permits.get_mut(&self.user) else { return };
        *of_user -= 1;
        if *of_user == 0 {
            permits.remove(&self.user);
        }
    }
}

#[cfg(test)]
mod tests;
