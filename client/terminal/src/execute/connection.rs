//! The connection to the server, made when the first line needs it and made again when it was lost.

use std::time::Duration;

use qchat_client::{Backoff, Client, ConnectError, Fingerprint, ServerAddress, Trust};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::deadline::Deadline;
use crate::error::CommandError;

/// How long the goodbye may take.
const CLOSE_MAX: Duration = Duration::from_secs(2);

/// A server, and the connection to it while there is one.
#[derive(Debug)]
pub(crate) struct Connection {
    server: ServerAddress,
    trust: Trust,
    client: Option<Client>,
    /// The try to connect that is under way. It goes on while nobody waits for it: given up and begun
    /// again, tries would fill a thin link.
    dialing: JoinSet<Result<Client, ConnectError>>,
    carries: Carries,
    policy: ConnectPolicy,
    /// What was not told yet: that the server is a new one, or its key another one now.
    key_remark: Option<String>,
}

/// What travels on the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Carries {
    Messages,
    Files,
}

/// What is to be expected of the next try to connect.
#[derive(Debug)]
enum ConnectPolicy {
    /// It may take as long as this says.
    Try(Backoff),
    /// It is another one than it should be: it is not asked again.
    None(CommandError),
}

/// What is said when a server shows the key that it had announced.
pub(crate) fn key_change(server: &ServerAddress, key: Fingerprint) -> String {
    format!("the key of {server} has changed to the one that it had announced: {key}")
}

/// A connection that was made, and what is to be said of it.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) client: Client,
    pub(crate) remark: Option<String>,
}

async fn dial(
    server: ServerAddress,
    trust: Trust,
    carries: Carries,
) -> Result<Client, ConnectError> {
    match carries {
        Carries::Messages => Client::connect_to_talk(&server, trust).await,
        Carries::Files => Client::connect(&server, trust).await,
    }
}

impl Connection {
    pub(crate) fn new(server: ServerAddress, trust: Trust) -> Self {
        Self {
            server,
            trust,
            client: None,
            dialing: JoinSet::new(),
            carries: Carries::Files,
            policy: ConnectPolicy::Try(Backoff::default()),
            key_remark: None,
        }
    }

    /// Uses a connection that stands already.
    pub(crate) fn with_client(self, client: Client) -> Self {
        Self { client: Some(client), ..self }
    }

    /// The same for lines that move no files.
    pub(crate) fn for_messages(self) -> Self {
        Self { carries: Carries::Messages, ..self }
    }

    pub(crate) fn server(&self) -> &ServerAddress {
        &self.server
    }

    /// The connection, if it stands.
    pub(crate) fn client(&self) -> Option<&Client> {
        self.client.as_ref().filter(|client| !client.is_closed())
    }

    /// Whether there is no connection because nobody was signed in on it: it is made when a line needs it.
    pub(crate) fn closed_idle(&self) -> bool {
        self.client.as_ref().is_some_and(Client::ended_unused)
    }

    /// The connection, made now if there is none and if that is possible until `deadline`.
    ///
    /// # Errors
    /// No server answers, or its identity is refused.
    ///
    /// # Cancel safety
    /// Cancel safe: the try to connect goes on, for whoever asks next.
    pub(crate) async fn connect(&mut self, deadline: &Deadline) -> Result<Made, CommandError> {
        if let Some(client) = self.client() {
            return Ok(Made { client: client.clone(), remark: None });
        }
        let limit = match &self.policy {
            ConnectPolicy::None(failure) => return Err(failure.clone()),
            ConnectPolicy::Try(backoff) => backoff.patience(),
        };
        let lost = self.client.take().is_some_and(|client| !client.ended_unused());
        match self.dial(limit.min(deadline.left())).await {
            Ok(client) => {
                self.begin();
                self.client = Some(client.clone());
                self.note_key(&client);
                self.keep_key(&client);
                let again =
                    || format!("the connection was lost; connected to {} again", self.server);
                Ok(Made { client, remark: lost.then(again) })
            }
            Err(failure) => {
                match &mut self.policy {
                    ConnectPolicy::Try(backoff) if failure.code.may_connect_later() => {
                        backoff.failed();
                    }
                    policy => *policy = ConnectPolicy::None(failure.clone()),
                }
                Err(failure)
            }
        }
    }

    /// Lets the next try be as short as the first one: the server may have just come back, or another line
    /// asks for it.
    pub(crate) fn begin(&mut self) {
        if let ConnectPolicy::Try(backoff) = &mut self.policy {
            backoff.reset();
        }
    }

    /// Whether another try to connect can succeed.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self.policy, ConnectPolicy::None(_))
    }

    async fn dial(&mut self, patience: Duration) -> Result<Client, CommandError> {
        match timeout(patience, self.dialled()).await {
            Ok(connected) => connected.map_err(CommandError::from),
            // The line says for how long it was tried in all.
            Err(_) => Err(CommandError::no_server(&self.server)),
        }
    }

    async fn dialled(&mut self) -> Result<Client, ConnectError> {
        loop {
            if self.dialing.is_empty() {
                let dial = dial(self.server.clone(), self.trust.clone(), self.carries);
                self.dialing.spawn(dial);
            }
            match self.dialing.join_next().await {
                // Made while nobody waited for it, and not used for so long that it has ended.
                Some(Ok(Ok(client))) if client.is_closed() => {}
                Some(Ok(connected)) => return connected,
                Some(Err(panic)) => return Err(ConnectError::Local(panic.to_string())),
                None => {}
            }
        }
    }

    fn note_key(&mut self, client: &Client) {
        let server = &self.server;
        let change = client.changed_key().map(|key| key_change(server, key));
        let known = client.first_contact().map(|key| match client.pin_error() {
            None => format!("new server {server}, remembered: {key}"),
            Some(error) => format!("new server {server}: {key}; it is not remembered: {error}"),
        });
        self.key_remark = change.or(known).or(self.key_remark.take());
    }

    /// Holds the server to a key that could not be pinned, for as long as this link is used.
    fn keep_key(&mut self, client: &Client) {
        let key = client.first_contact().or_else(|| client.changed_key());
        if let Some(key) = key.filter(|_| client.pin_error().is_some()) {
            self.trust = Trust::Fingerprint(key);
        }
    }

    /// How the server is known.
    pub(crate) fn trust(&self) -> &Trust {
        &self.trust
    }

    /// What is to be told of the server's key, once.
    pub(crate) fn take_key_remark(&mut self) -> Option<String> {
        self.key_remark.take()
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
