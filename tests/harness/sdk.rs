//! Users whose programs use the client library.

use std::net::SocketAddr;

use qchat_client::{
    Address, Beginning, Body, CallError, Client, Cursor, Cursors, Event, Follower, MessageText,
    Password, Reconnect, ServerAddress, Trust, UserName, Watching,
};

use super::{PASSWORD, Server, in_time};

pub(crate) async fn connect(server: &Server) -> Client {
    let address: ServerAddress = server.address.to_string().parse().unwrap();
    Client::connect(&address, trust(server)).await.unwrap()
}

fn trust(server: &Server) -> Trust {
    Trust::Fingerprint(server.fingerprint.parse().unwrap())
}

/// A signed-in client of a user, who is registered if need be.
pub(crate) async fn device(server: &Server, name: &str) -> Client {
    let client = connect(server).await;
    sign_in(&client, name, &server.address.to_string(), server).await;
    client
}

/// A session of a user, who is registered if need be, to resume at another address of the server.
pub(crate) async fn session(server: &Server, name: &str, path: SocketAddr) -> Reconnect {
    sign_in(&connect(server).await, name, &path.to_string(), server).await
}

async fn sign_in(client: &Client, name: &str, path: &str, server: &Server) -> Reconnect {
    let name: UserName = name.parse().unwrap();
    let password = || Password::try_from(PASSWORD.to_owned()).unwrap();
    let _ = client.register(name.clone(), password()).await;
    let token = client.login(name, password()).await.unwrap();
    Reconnect { server: path.parse().unwrap(), trust: trust(server), token }
}

/// Resumes a session.
pub(crate) async fn resume(session: &Reconnect) -> Client {
    let client = Client::connect(&session.server, session.trust.clone()).await.unwrap();
    client.resume(session.token.clone()).await.unwrap();
    client
}

/// Follows in a session. Connects again until a connection is made.
pub(crate) async fn follow(session: &Reconnect, cursors: Vec<Cursor>) -> Follower {
    loop {
        match Client::connect(&session.server, session.trust.clone()).await {
            Ok(client) => {
                return Follower::start(
                    client,
                    session.clone(),
                    Cursors::Given(cursors),
                    Beginning::OldestUnread,
                );
            }
            Err(error) => println!("trying again: {error}"),
        }
    }
}

pub(crate) fn text(text: &str) -> MessageText {
    text.to_owned().try_into().unwrap()
}

pub(crate) fn user(name: &str) -> Address {
    Address::User(name.parse().unwrap())
}

pub(crate) fn group(name: &str) -> Address {
    Address::Group(name.parse().unwrap())
}

/// The text of a message, or the name of its file.
pub(crate) fn said(body: &Body) -> String {
    match body {
        Body::Text(text) => text.as_str().to_owned(),
        Body::File(file) | Body::ExpiredFile(file) => file.original.to_string(),
    }
}

/// The next event, for at most [`super::DEADLINE`].
pub(crate) async fn next(watching: &mut Watching) -> Result<Event, CallError> {
    in_time(watching.next()).await
}

/// Reads until the watching has caught up, and returns the texts.
pub(crate) async fn catch_up(watching: &mut Watching) -> Vec<String> {
    let mut told = Vec::new();
    loop {
        match next(watching).await.unwrap() {
            Event::CaughtUp => return told,
            Event::Message { message, .. } => told.push(said(&message.body)),
            _ => {}
        }
    }
}

/// The text of the next message. Skips other events.
pub(crate) async fn message(watching: &mut Watching) -> String {
    loop {
        if let Event::Message { message, .. } = next(watching).await.unwrap() {
            return said(&message.body);
        }
    }
}
