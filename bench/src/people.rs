//! Accounts on the measured server, and their connections.

use std::time::{Duration, Instant};

use anyhow::Context;
use qchat_client::{
    Address, CallError, Client, MessageText, Password, Refusal, SessionToken, Trust, UserName,
};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::server::Server;

/// The password of every account.
pub(crate) const PASSWORD: &str = "measuring";

/// The number of concurrent registrations. Password hashing takes most of their time.
const AT_A_TIME: usize = 3;

/// The longest time of a step.
pub(crate) const STEP_TIME_MAX: Duration = Duration::from_secs(300);

/// A signed-in user.
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

/// Signs in this many users, each on a separate connection.
pub(crate) async fn crowd(server: &Server, count: usize) -> anyhow::Result<Vec<Person>> {
    crowd_at(std::slice::from_ref(server), count).await
}

/// Signs in this many users, each on a separate connection to the next server.
pub(crate) async fn crowd_at(servers: &[Server], count: usize) -> anyhow::Result<Vec<Person>> {
    let mut arriving = JoinSet::new();
    let mut people = Vec::with_capacity(count);
    for (number, server) in (0..count).zip(servers.iter().cycle()) {
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

/// The result of the next task that ends.
pub(crate) async fn joined<T: 'static>(
    tasks: &mut JoinSet<anyhow::Result<T>>,
) -> anyhow::Result<Option<T>> {
    match in_time("a task", tasks.join_next()).await? {
        Some(ended) => Ok(Some(ended??)),
        None => Ok(None),
    }
}

/// Awaits a future with a deadline.
pub(crate) async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> anyhow::Result<T> {
    let waited = timeout(STEP_TIME_MAX, future).await;
    waited.with_context(|| format!("{what} took over {} s", STEP_TIME_MAX.as_secs()))
}

#[expect(clippy::expect_used, reason = "the constant is a password")]
pub(crate) fn password() -> Password {
    PASSWORD.to_owned().try_into().expect("a password")
}

/// Repeats a request while the server is busy.
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
