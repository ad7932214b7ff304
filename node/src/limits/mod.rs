//! Limits on one account or connection: commands in a second, and commands, transfers and watchers at a time.

mod concurrency;
pub(crate) mod cost;
mod rate_limit;
mod token_bucket;

pub(crate) use concurrency::{ConcurrencyLimit, Permit};
pub(crate) use rate_limit::{
    AccountLimits, COMMANDS_AT_WORK_MAX, CommandSlot, RateLimits, TOKENS_PER_SECOND,
};
pub(crate) use token_bucket::TokenBucket;
