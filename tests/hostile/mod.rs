//! Hostile clients, servers, names and texts.

mod account_slots;
mod command_costs;
mod fairness;
mod file_names;
mod garbage;
mod retries;
mod server;
mod strangers;
mod texts;
