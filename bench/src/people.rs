//! Accounts on a server that is measured, and their connections.

use std::time::{Duration, Instant};

use anyhow::Context;
use qchat_client::{
    Address, CallError, Client, MessageText, Password, Refusal, SessionToken, Trust, UserName,
};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::server::Server;

/// Everybody's password.
pub(crate) const PASSWORD: &str = "measuring";

/// How many accounts are made at a time: hashing their passwords is what takes the time.
const AT_A_TIME: usize = 8;

/// No step of any subcommand takes longer.
pub(crate) const STEP_TIME_MAX: Duration = Duration::from_secs(300);

/// Somebody who is signed in.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) name: UserName,
    pub(crate) client: Client,
    pub(crate) token: SessionToken,
}

impl Person {
    /// Makes an account and signs in.
    pub(crate) async fn register(server: &Server, name: &str) -> anyhow::Result<Self> {
        Self::register_at(server.name()?, server.trust(), name.parse()?).await
    }

    async fn register_at(
        server: qchat_client::ServerAddress,
        trust: Trust,
        name: UserName,
    ) -> anyhow::Result<Self> {
        let client = Client::connect(&server, trust).await?;
        again(|| client.register(name.clone(), password())).await?;
        let token = again(|| client.login(name.clone(), password())).await?;
        Ok(Self { name, client, token })
    }

    pub(crate) fn address(&self) -> Address {
        Address::User(self.name.clone())
    }

    pub(crate) async fn send(&self, to: &Address, text: String) -> anyhow::Result<()> {
        self.client.send(to.clone(), MessageText::try_from(text)?).await?;
        Ok(())
    }
}

/// So many people, each on a connection of their own.
pub(crate) async fn crowd(server: &Server, count: usize) -> anyhow::Result<Vec<Person>> {
    let mut arriving = JoinSet::new();
    let mut people = Vec::with_capacity(count);
    for number in 0..count {
        if arriving.len() >= AT_A_TIME {
            people.extend(joined(&mut arriving).await?);
        }
        let name = format!("user{number}").parse()?;
        arriving.spawn(Person::register_at(server.name()?, server.trust(), name));
    }
    while let Some(person) = joined(&mut arriving).await? {
        people.push(person);
    }
    Ok(people)
}

/// The next of several tasks to end.
pub(crate) async fn joined<T: 'static>(
    tasks: &mut JoinSet<anyhow::Result<T>>,
) -> anyhow::Result<Option<T>> {
    match in_time("a task", tasks.join_next()).await? {
        Some(ended) => Ok(Some(ended??)),
        None => Ok(None),
    }
}

/// Waits, but not for ever.
pub(crate) async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> anyhow::Result<T> {
    let waited = timeout(STEP_TIME_MAX, future).await;
    waited.with_context(|| format!("{what} took over {} s", STEP_TIME_MAX.as_secs()))
}

#[expect(clippy::expect_used, reason = "the constant is a password")]
pub(crate) fn password() -> Password {
    PASSWORD.to_owned().try_into().expect("a password")
}

/// Asks until the server is not too busy for it.
async fn again<T, F: Future<Output = Result<T, CallError>>>(
    ask: impl Fn() -> F,
) -> anyhow::Result<T> {
    let begun = Instant::now();
    loop {
        match ask().await {
            Err(CallError::Refused(Refusal::Busy)) if begun.elapsed() < STEP_TIME_MAX => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            answer => return Ok(answer?),
        }
    }
}
