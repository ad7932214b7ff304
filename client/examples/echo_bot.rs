//! A bot that answers every message that is sent to it with the same text.
//!
//!     QCHAT_USER=echo QCHAT_PASSWORD=secret cargo run --example echo_bot -- localhost:4433
//!
//! It makes its account if that is missing. The server is `QCHAT_SERVER` or the first argument; it
//! is trusted on first use, or has to have the key `QCHAT_FINGERPRINT`. It runs until Ctrl-C, through
//! lost connections and killed servers; the next run goes on from its cursors (`echo_bot_cursors`).

use std::env::{args, var};
use std::path::PathBuf;

use anyhow::Context;
use qchat_client::proto::ClientId;
use qchat_client::{
    Address, Beginning, Body, CallError, Client, CursorFile, Cursors, Follower, Message, Password,
    PinFile, Reconnect, Refusal, ServerAddresses, SessionToken, Trust, Unknown, UserName,
};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let server = args().nth(1).or(var("QCHAT_SERVER").ok()).unwrap_or("localhost:4433".into());
    let (server, trust) = (server.parse::<ServerAddresses>()?, trust()?);
    let client = Client::connect(&server, trust.clone()).await?;
    let user = var("QCHAT_USER").context("QCHAT_USER names the bot")?.parse()?;
    let password = var("QCHAT_PASSWORD").context("QCHAT_PASSWORD is missing")?.try_into()?;
    let token = sign_in(&client, user, password).await?;

    let cursors = Cursors::File(CursorFile::open(PathBuf::from("echo_bot_cursors"))?);
    let reconnect = Reconnect { server, trust, token };
    let follower = Follower::start(client, reconnect, cursors, Beginning::OldestUnread);
    let ended = tokio::select! {
        ended = answer_all(&follower) => ended,
        _ = tokio::signal::ctrl_c() => Ok(()),
    };
    follower.close().await?;
    ended
}

fn trust() -> anyhow::Result<Trust> {
    Ok(match var("QCHAT_FINGERPRINT") {
        Ok(fingerprint) => Trust::Fingerprint(fingerprint.parse()?),
        Err(_) => Trust::Known {
            pins: PinFile::at(PathBuf::from("echo_bot_servers")),
            unknown: Unknown::Accept,
        },
    })
}

async fn sign_in(
    client: &Client,
    user: UserName,
    password: Password,
) -> Result<SessionToken, CallError> {
    match client.register(user.clone(), password.clone()).await {
        Ok(_) | Err(CallError::Refused(Refusal::UserExists(_))) => {}
        Err(error) => return Err(error),
    }
    client.login(user, password).await
}

/// Answers each message before it is acknowledged: after a crash of the bot an answer may come twice,
/// but none is missing.
async fn answer_all(follower: &Follower) -> anyhow::Result<()> {
    loop {
        let message = follower.next().await?;
        answer(follower, &message).await?;
        follower.acknowledge(&message.id);
    }
}

/// Sends the answer, on a new connection if one is lost. All attempts have one id, so it is sent once.
async fn answer(follower: &Follower, message: &Message) -> anyhow::Result<()> {
    // Two echoes in one group would never end.
    let (Body::Text(text), Address::User(_)) = (&message.body, &message.id.log) else {
        return Ok(());
    };
    let (id, to) = (ClientId::random(), Address::User(message.from.clone()));
    while let Some(client) = follower.client().await {
        match client.with_request_id(id).send(to.clone(), text.clone()).await {
            Ok(_) => return Ok(()),
            Err(CallError::NotSent(_) | CallError::OutcomeUnknown(_)) => {}
            Err(CallError::Refused(Refusal::ShuttingDown)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
