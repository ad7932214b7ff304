//! Sign-in: the user of this run, saved sessions and passwords.

mod account;
mod password_input;
mod saved_session;

pub(crate) use account::{Account, Requirement, SavePolicy, SignInContext};
pub(crate) use password_input::PasswordSource;
