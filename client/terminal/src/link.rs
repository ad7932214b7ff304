//! The connection to the server, made when the first line needs it and made again when it was lost.

use std::time::Duration;

use qchat_client::{Backoff, Client, Fingerprint, ServerAddress, Trust};
use tokio::time::timeout;

use crate::failure::Failure;

/// How long the goodbye may take.
const CLOSE_MAX: Duration = Duration::from_secs(2);

/// A server, and the connection to it while there is one.
#[derive(Debug)]
pub(crate) struct Link {
    server: ServerAddress,
    trust: Trust,
    /// How long a line waits for a connection, and for its answer.
    patience: Duration,
    client: Option<Client>,
    hope: Hope,
    /// Whether the server was ever there.
    was_connected: bool,
    /// What was not told yet: that the server's key is another one now.
    key_change: Option<String>,
}

/// What is to be expected of the next try to connect.
#[derive(Debug)]
enum Hope {
    /// It may take as long as this says.
    Try(Backoff),
    /// A line has waited for the server in vain; each later one makes one short try.
    Little,
    /// It never was there, or it is another one than it should be: it is not asked again.
    None(Failure),
}

/// What is said when a server shows the key that it had announced.
pub(crate) fn key_change(server: &ServerAddress, key: Fingerprint) -> String {
    format!("the key of {server} has changed to the one that it had announced: {key}")
}

/// A connection that was made, and what is to be said of it.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) client: Client,
    pub(crate) remarks: Vec<String>,
}

impl Link {
    pub(crate) fn new(server: ServerAddress, trust: Trust, patience: Duration) -> Self {
        Self {
            server,
            trust,
            patience,
            client: None,
            hope: Hope::Try(Backoff::default()),
            was_connected: false,
            key_change: None,
        }
    }

    /// Uses a connection that stands already.
    pub(crate) fn with_client(self, client: Client) -> Self {
        Self { client: Some(client), was_connected: true, ..self }
    }

    pub(crate) fn server(&self) -> &ServerAddress {
        &self.server
    }

    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    /// The connection, if it stands.
    pub(crate) fn client(&self) -> Option<&Client> {
        self.client.as_ref().filter(|client| !client.is_closed())
    }

    /// Whether there is no connection because nobody was signed in on it: it is made when a line needs it.
    pub(crate) fn rests(&self) -> bool {
        self.client.as_ref().is_some_and(Client::ended_unused)
    }

    /// The connection, made now if there is none.
    ///
    /// # Errors
    /// No server answers, or its identity is refused.
    ///
    /// # Cancel safety
    /// Cancel safe: a connection that was not made yet is given up.
    pub(crate) async fn connect(&mut self) -> Result<Made, Failure> {
        if let Some(client) = self.client() {
            return Ok(Made { client: client.clone(), remarks: Vec::new() });
        }
        let limit = match &self.hope {
            Hope::None(failure) => return Err(failure.clone()),
            Hope::Little => Backoff::default().patience(),
            Hope::Try(backoff) => backoff.patience(),
        };
        let lost = self.client.take().is_some_and(|client| !client.ended_unused());
        match self.dial(limit.min(self.patience)).await {
            Ok(client) => {
                (self.hope, self.was_connected) = (Hope::Try(Backoff::default()), true);
                self.client = Some(client.clone());
                self.note_key(&client);
                Ok(Made { remarks: self.remarks(&client, lost), client })
            }
            Err(failure) => {
                match (&mut self.hope, failure.code) {
                    (Hope::Try(backoff), "unreachable") => backoff.failed(),
                    (_, "unreachable") => {}
                    _ => self.hope = Hope::None(failure.clone()),
                }
                Err(failure)
            }
        }
    }

    /// Notes that a line has waited for the server in vain.
    pub(crate) fn give_up(&mut self, failure: &Failure) {
        self.hope = match self.was_connected {
            true => Hope::Little,
            false => Hope::None(failure.clone()),
        };
    }

    /// Whether a line has waited for the server in vain, or it is the wrong one.
    pub(crate) fn is_given_up(&self) -> bool {
        !matches!(self.hope, Hope::Try(_))
    }

    /// Whether another try to connect can succeed.
    pub(crate) fn is_hopeless(&self) -> bool {
        matches!(self.hope, Hope::None(_))
    }

    async fn dial(&self, patience: Duration) -> Result<Client, Failure> {
        let connecting = Client::connect(&self.server, self.trust.clone());
        match timeout(patience, connecting).await {
            Ok(connected) => connected.map_err(Failure::from),
            Err(_) => {
                let seconds = patience.as_secs();
                let server = &self.server;
                Err(Failure::unreachable(format!("no answer from {server} within {seconds} s")))
            }
        }
    }

    fn note_key(&mut self, client: &Client) {
        let change = client.changed_key().map(|key| key_change(&self.server, key));
        self.key_change = change.or(self.key_change.take());
    }

    /// What is to be told of the server's key, once.
    pub(crate) fn take_key_change(&mut self) -> Option<String> {
        self.key_change.take()
    }

    fn remarks(&self, client: &Client, lost: bool) -> Vec<String> {
        let server = &self.server;
        let known = client.first_contact();
        let known = known.map(|key| format!("new server {server}, remembered: {key}"));
        let lost = lost.then(|| format!("the connection was lost; connected to {server} again"));
        lost.into_iter().chain(known).collect()
    }

    /// Gives the connection up; the next line makes a new one.
    pub(crate) fn abandon(&mut self) {
        self.client = None;
    }

    /// Says goodbye.
    pub(crate) async fn close(self) {
        if let Some(client) = self.client {
            // A server that does not hear it finds out by itself.
            let _ = timeout(CLOSE_MAX, client.close()).await;
        }
    }
}
