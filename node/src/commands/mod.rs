//! The handlers, one for each command of the table in `proto`.

mod accounts;
mod download;
mod groups;
mod messages;
mod receive_file;
mod send_texts;
mod server_keys;
mod sessions;
mod sign_in;
mod track;
mod upload;
mod users;
mod watch;

use qchat_proto::command::Log;
use qchat_proto::{Address, UserName};

/// The address of a log, as its reader names it.
fn address(log: Log, reader: &UserName) -> Address {
    match log {
        Log::Inbox => Address::User(reader.clone()),
        Log::Group(group) => Address::Group(group),
    }
}
