//! The client for a person at a prompt, and for scripts.

mod deadlines;
mod full_streams;
mod idle_sign_out;
pub(crate) mod live;
mod local_errors;
mod outbox;
mod screen_output;
mod scripts;
mod standard_input;
mod terminals;
mod typing;
