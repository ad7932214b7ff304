//! The user who is signed in on this machine.

mod account;
mod password_input;
mod saved_session;

pub(crate) use account::{Account, Requirement, SavePolicy, SignInContext};
pub(crate) use password_input::PasswordSource;
