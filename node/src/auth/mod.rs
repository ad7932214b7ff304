//! Checking passwords, and the sessions that a sign-in begins.

mod argon2id;
mod decaying_counter;
mod hash_queue;
mod login_throttle;
mod passwords;
mod session;
mod session_registry;

pub(crate) use login_throttle::Origin;
pub(crate) use passwords::{PasswordCheck, Passwords};
pub(crate) use session::{Caller, Session, SignInPermit, SignedIn, SignedOut};
pub(crate) use session_registry::{SessionRegistry, SignOut};
