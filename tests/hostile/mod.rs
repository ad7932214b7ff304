//! Hostile clients, servers, names and texts.

mod fairness;
mod file_names;
mod garbage;
mod retries;
mod server;
mod strangers;
mod texts;
