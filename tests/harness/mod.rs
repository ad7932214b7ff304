//! Starts servers and clients, talks to them, and ends them.
//!
//! Each wait has a deadline. Dropping a value ends its process, and then its folder goes.

mod bot;
mod changed_handshake;
mod client;
mod faulty_network;
mod folder;
#[path = "../../node/src/store/postgres/tests/local_server.rs"]
mod local_postgres;
mod process;
pub(crate) mod raw_quic;
mod s3;
mod screen;
pub(crate) mod sdk;
mod seeded_random;
mod server;
mod small_disk;
mod udp_relay;

use std::time::{Duration, Instant};

use serde_json::Value;

pub(crate) use bot::{Bot, wait_for_cursor};
pub(crate) use changed_handshake::{Change, ChangedHandshake};
pub(crate) use client::{Client, Talk, clean_environment};
pub(crate) use faulty_network::{NetworkCounters, NetworkFaults, Outages};
pub(crate) use folder::{contents, files_below, hash};
pub(crate) use local_postgres::{LocalServer as LocalPostgres, shared as shared_postgres};
pub(crate) use process::{Ended, Running};
pub(crate) use raw_quic::{
    RawConnection, configuration, configuration_with, endpoint, in_time, tls,
};
pub(crate) use s3::S3;
pub(crate) use screen::Screen;
pub(crate) use seeded_random::SeededRandom;
pub(crate) use server::{Server, ServerFolder, Stopped};
pub(crate) use small_disk::SmallDisk;
pub(crate) use udp_relay::UdpRelay;

/// The longest wait on a busy machine. Only a failing test waits this long.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_qchat");

/// The password of every account.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// Repeats a question until the answer is true, for at most [`DEADLINE`]. Each question waits for an
/// answer of the program, so this is no busy loop.
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
