//! Starts servers and clients, talks to them, and ends them.
//!
//! Everything waits for an answer with a deadline, and what was started ends when it is dropped.

mod bot;
mod client;
mod dice;
mod folder;
mod path;
mod process;
pub(crate) mod raw;
mod screen;
pub(crate) mod sdk;
mod server;
mod small_disk;
mod weather;

use std::time::{Duration, Instant};

use serde_json::Value;

pub(crate) use bot::{Bot, wait_for_cursor};
pub(crate) use client::{Client, Talk, clean_environment};
pub(crate) use dice::Dice;
pub(crate) use folder::{contents, files_below, hash};
pub(crate) use path::Path;
pub(crate) use process::{Ended, Running};
pub(crate) use raw::{Raw, configuration, configuration_with, endpoint, in_time, tls};
pub(crate) use screen::Screen;
pub(crate) use server::{Server, ServerFolder, Stopped};
pub(crate) use small_disk::SmallDisk;
pub(crate) use weather::{Blackouts, Tally, Weather};

/// How long anything may take on a busy machine. No test waits this long unless it fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_qchat");

/// Everybody's password.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// Asks until it is so, for as long as anything may take. Each question waits for its answer, so that
/// asking again is no busy loop.
#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < DEADLINE, "not in time: {what}");
    }
}

/// The keys of a JSON object, sorted.
#[track_caller]
pub(crate) fn keys(object: &Value) -> Vec<&str> {
    let object = object.as_object().unwrap_or_else(|| panic!("no object: {object}"));
    let mut keys: Vec<_> = object.keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

/// The items of a JSON array.
#[track_caller]
pub(crate) fn items(array: &Value) -> &[Value] {
    array.as_array().unwrap_or_else(|| panic!("no array: {array}"))
}

/// The text in a JSON value.
#[track_caller]
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// The texts of the messages in an `inbox` or `inboxgroup` answer.
#[track_caller]
pub(crate) fn texts(answer: &Value) -> Vec<&str> {
    items(&answer["messages"]).iter().map(|message| text(&message["text"])).collect()
}
