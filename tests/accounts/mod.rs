//! Accounts, sessions, passwords and permission.

mod password_attack;
mod passwords;
mod permissions;
mod refusals;
mod registration;
mod remembered_sign_in;
mod secret_files;
mod secrets;
mod sessions;
mod sessions_at_once;
mod sessions_end;
