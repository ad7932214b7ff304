//! A bot that answers every message that it has not read yet with the same text.
//!
//!     QCHAT_USER=echo QCHAT_PASSWORD=secret cargo run --example echo_bot -- localhost:4433 --once
//!
//! It makes its account where that is missing. The server is `QCHAT_SERVER` or the first argument; it
//! is trusted on first use, or has to have the key `QCHAT_FINGERPRINT`. With `--once` the bot ends when
//! it has answered what is there.

use std::env::{args, var};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use qchat_client::{
    Address, Body, CallError, Client, HistoryQuery, Log, Password, PinFile, Refusal, Selection,
    ServerAddress, Trust, Unknown, UserName,
};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = args().skip(1).collect();
    let once = arguments.iter().any(|argument| argument == "--once");
    let server = arguments.iter().find(|argument| *argument != "--once").cloned();
    let server = server.or(var("QCHAT_SERVER").ok()).unwrap_or("localhost:4433".into());

    let client = Client::connect(&server.parse::<ServerAddress>()?, trust()?).await?;
    let user = var("QCHAT_USER").context("QCHAT_USER names the bot")?.parse()?;
    let password = var("QCHAT_PASSWORD").context("QCHAT_PASSWORD is missing")?.try_into()?;
    sign_in(&client, user, password).await?;
    loop {
        answer_all(&client).await?;
        if once {
            client.close().await;
            return Ok(());
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
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

async fn sign_in(client: &Client, user: UserName, password: Password) -> Result<(), CallError> {
    match client.register(user.clone(), password.clone()).await {
        Ok(_) | Err(CallError::Refused(Refusal::UserExists(_))) => {}
        Err(error) => return Err(error),
    }
    client.login(user, password).await?;
    Ok(())
}

/// Answers what is unread, each message before it is marked: after a crash an answer may come twice,
/// but none is missing.
async fn answer_all(client: &Client) -> Result<(), CallError> {
    let (log, selection) = (Log::Inbox, Selection::Unread);
    let query = HistoryQuery { log, selection, from: None, before: None };
    for message in client.history(query).await?.messages {
        if let Body::Text(text) = &message.body
            && Some(&message.from) != client.user().as_ref()
        {
            client.send(Address::User(message.from.clone()), text.clone()).await?;
        }
        client.mark_read(Log::Inbox, &[message]).await?;
    }
    Ok(())
}
