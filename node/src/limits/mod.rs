//! What one account or connection may use at a time and in a second.

mod concurrency;
pub(crate) mod rate_limit;

pub(crate) use concurrency::{ConcurrencyLimit, Permit};
pub(crate) use rate_limit::{AT_WORK_MAX, AccountLimits, RateLimits, TokenBucket};
