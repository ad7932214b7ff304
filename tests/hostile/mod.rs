//! People and bytes that mean harm.

mod fairness;
mod file_names;
mod garbage;
mod retries;
mod server;
mod strangers;
mod texts;
