//! The qchat client for programs: connect, sign in, ask.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use qchat_client::{Address, Client, PinFile, ServerAddresses, Trust, Unknown};
//!
//! let pins = PinFile::at("known_servers".into());
//! let trust = Trust::Known { pins, unknown: Unknown::Accept };
//! // Several addresses of one server would stand here with commas between them.
//! let server: ServerAddresses = "localhost:4433".parse()?;
//! let client = Client::connect(&server, trust).await?;
//! client.login("alice".parse()?, "secret".to_owned().try_into()?).await?;
//! client.send(Address::User("bob".parse()?), "hi".to_owned().try_into()?).await?;
//! client.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Send a file
//!
//! The answer comes after the server has the whole file on its disk. A second call with the same request id
//! sends only the missing blocks.
//!
//! ```no_run
//! # use std::path::Path;
//! # use qchat_client::{Address, CallError, Client, Progress};
//! # use qchat_client::proto::ClientId;
//! # async fn example(client: &Client) -> Result<(), Box<dyn std::error::Error>> {
//! let (id, to) = (ClientId::random(), Address::Group("lab".parse()?));
//! let film = Path::new("film.mkv");
//! let sent = client.with_request_id(id).send_file(to.clone(), film, Progress::none()).await;
//! if let Err(CallError::OutcomeUnknown(_)) = sent {
//!     // On a new connection, the same id makes this the same message.
//!     client.with_request_id(id).send_file(to, film, Progress::none()).await?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Follow messages
//!
//! ```no_run
//! # use std::error::Error;
//! # use qchat_client::{Client, Password, ServerAddresses, Trust, UserName};
//! # async fn example(
//! #     server: ServerAddresses, trust: Trust, name: UserName, password: Password,
//! # ) -> Result<(), Box<dyn Error>> {
//! use qchat_client::{Beginning, Body, CursorFile, Cursors, Follower, Reconnect};
//!
//! let client = Client::connect(&server, trust.clone()).await?;
//! let token = client.login(name, password).await?;
//! let cursors = Cursors::File(CursorFile::open("cursors".into())?);
//! let reconnect = Reconnect { server, trust, token };
//! let follower = Follower::start(client, reconnect, cursors, Beginning::OldestUnread);
//! for _ in 0..10 {
//!     let message = follower.next().await?;
//!     if let Body::Text(text) = &message.body {
//!         println!("{}: {}", message.from, text.as_str());
//!     }
//!     // Marks the message as read. The next follower starts behind it.
//!     follower.acknowledge(&message.id);
//! }
//! follower.close().await?;
//! # Ok(())
//! # }
//! ```
//!
//! A [`Client`] is one connection. When the connection is lost, its calls fail and say whether the server may
//! have executed them. A [`ReconnectingClient`] makes the connection again. A [`Follower`] does so by itself,
//! and returns every message once: `examples/echo_bot.rs` is a whole bot.
//!
//! This crate knows no terminal: it prints nothing, asks nobody and keeps no state on the disk but
//! the [`PinFile`], a [`CursorFile`] and the downloaded files.

mod address;
mod client;
mod commands;
mod connect;
mod connection;
#[cfg(test)]
#[path = "../../tests/corpus/mod.rs"]
mod corpus;
mod error;
mod files;
mod follower;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod lock;
pub mod private_file;
mod reconnect;
mod trust;

pub use address::{AddressError, DEFAULT_PORT, ServerAddress, ServerAddresses};
pub use client::Client;
pub use commands::{HistoryAnswer, HistoryQuery, SentText, TextStream, Tracking, Watching};
pub use connection::{Backoff, Route};
pub use error::{
    CallError, ConnectError, DamagedError, DifferentKeys, IdentityError, LocalFileReason, NoAnswer,
    PinError,
};
pub use files::{Downloaded, Progress, TransferEvent, already_here, check_room_for};
pub use follower::{
    Beginning, CursorFile, CursorFileError, Cursors, FollowError, Follower, Reconnect,
};
pub use qchat_proto as proto;
pub use qchat_proto::command::{Cursor, Event, Group, Log, Member, Selection, Session, User};
pub use qchat_proto::{
    Address, Body, Code, Digest, File, FileName, FilePath, Fingerprint, FolderPath, GroupName,
    Message, MessageId, MessageText, Password, Receipt, Refusal, Sequence, SessionId, SessionToken,
    Stage, StoredName, Timestamp, UserName,
};
pub use reconnect::{ReconnectError, ReconnectingClient};
pub use trust::{Pin, PinFile, Trust, Unknown};
