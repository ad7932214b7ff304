//! The connection of an executor, and the session on it.

use qchat_client::{Client, ServerAddresses, UserName};
use tokio::task::block_in_place;
use tokio::time::sleep;

use super::Executor;
use crate::config::ServerNames;
use crate::error::CommandResult;
use crate::execute::key_notice::key_notice;
use crate::login::{Requirement, SignInContext};

impl Executor {
    /// Loads a saved session, connects, and signs in before the first line.
    ///
    /// # Errors
    /// There is no connection. A sign-in that fails is reported, and is no error.
    pub(crate) async fn start(&mut self) -> CommandResult<Option<UserName>> {
        self.account.load_saved();
        self.begin_line();
        self.connect().await?;
        match self.connect_for(Requirement::SignedIn).await {
            Ok(client) => Ok(client.user()),
            Err(failure) if failure.code.is_connection_lost() => Err(failure),
            Err(failure) => {
                self.account.stop_automatic_sign_in();
                self.output.failure(&failure);
                Ok(None)
            }
        }
    }

    /// The addresses of the server.
    pub(crate) fn server(&self) -> &ServerAddresses {
        self.connection.server()
    }

    /// The address that is connected, or else all addresses.
    pub(crate) fn server_in_words(&self) -> String {
        let connected = self.client().map(|client| client.server().to_string());
        connected.unwrap_or_else(|| self.server().to_string())
    }

    /// The names under which the state of the server is kept.
    pub(crate) fn names(&self) -> &ServerNames {
        &self.names
    }

    /// The connection, if it is open.
    pub(crate) fn client(&self) -> Option<&Client> {
        self.connection.client()
    }

    /// Whether the connection is open.
    pub(crate) fn is_connected(&self) -> bool {
        self.client().is_some()
    }

    /// Whether the server shuts down, and another one takes its place.
    pub(crate) fn is_moving(&self) -> bool {
        self.connection.is_moving()
    }

    /// Whether the server has closed the connection because nobody was signed in on it. The next line opens it
    /// again.
    pub(crate) fn closed_idle(&self) -> bool {
        self.connection.ended_unused()
    }

    /// Whether the session can be resumed on another connection.
    pub(crate) fn can_be_restored(&self) -> bool {
        self.account.user().is_some() && !self.connection.is_refused()
    }

    /// The user of the session, also while there is no connection.
    pub(crate) fn user(&self) -> Option<UserName> {
        self.connection.client().and_then(Client::user).or_else(|| self.account.user())
    }

    /// The connection and its user, if somebody is signed in on it.
    pub(crate) fn signed_in(&self) -> Option<(Client, UserName)> {
        let client = self.connection.client()?;
        Some((client.clone(), client.user()?))
    }

    /// The remark about the server's key, once.
    pub(crate) fn take_key_remark(&mut self) -> Option<String> {
        self.key_notice.take()
    }

    /// Drops the connection, because its user is no longer signed in.
    pub(crate) fn drop_connection(&mut self) {
        self.connection.abandon();
    }

    /// Pauses, then connects and resumes the session: without a notice, and without a line that needs it.
    ///
    /// # Errors
    /// [`CommandError`]: there is no connection, or its state is unknown. A session that has ended is no error.
    ///
    /// # Cancel safety
    /// Cancel safe, if [`restore_cancelled`](Self::restore_cancelled) is called after it.
    pub(crate) async fn restore(&mut self) -> CommandResult<()> {
        sleep(self.connection.next_pause()).await;
        // This is no line of the user, so it has a time of its own.
        self.options.time.restart();
        let client = self.connect_quietly().await?;
        self.sign_in(&client, Requirement::Session).await
    }

    /// Notes that [`restore`](Self::restore) may have been cancelled: the next line then connects anew.
    pub(crate) fn restore_cancelled(&mut self) {
        if std::mem::take(&mut self.unsettled) {
            self.connection.interrupt();
        }
    }

    /// A connection that meets the requirement, if it is open or can be opened at the first attempt.
    pub(crate) async fn connected(&mut self) -> CommandResult<Client> {
        self.connect_for(Requirement::SignedIn).await
    }

    /// A connection that meets the requirement. A person may type a password for longer than the server keeps
    /// an idle connection, so a second connection is tried.
    pub(super) async fn connect_for(&mut self, requirement: Requirement) -> CommandResult<Client> {
        let client = self.connect().await?;
        match self.sign_in(&client, requirement).await {
            Err(_) if client.ended_unused() => {
                let client = self.connect().await?;
                self.sign_in(&client, requirement).await?;
                Ok(client)
            }
            signed_in => signed_in.map(|()| client),
        }
    }

    pub(super) async fn connect(&mut self) -> CommandResult<Client> {
        let was_lost = self.connection.is_lost();
        let client = self.connect_quietly().await?;
        if was_lost {
            let text = format!("the connection was lost; connected to {} again", client.server());
            self.output.notice(&text);
        }
        if let Some(notice) = self.key_notice.take() {
            self.output.notice(&notice);
        }
        Ok(client)
    }

    async fn connect_quietly(&mut self) -> CommandResult<Client> {
        if let Some(client) = self.connection.client() {
            return Ok(client.clone());
        }
        let client = self.connection.connect(self.options.time.deadline.left()).await?;
        self.key_notice = key_notice(&client).or(self.key_notice.take());
        if client.has_others() {
            block_in_place(|| self.names.note_route(client.route()));
        }
        Ok(client)
    }

    pub(super) async fn sign_in(
        &mut self,
        client: &Client,
        requirement: Requirement,
    ) -> CommandResult<()> {
        self.unsettled = true;
        let mut context = SignInContext { secrets: &self.secrets, time: &mut self.options.time };
        let signed_in = self.account.sign_in(client, requirement, &mut context).await;
        for remark in self.settled(signed_in)? {
            self.output.notice(&remark);
        }
        Ok(())
    }

    /// Ends a change of the session. If it is unknown whether the connection is signed in, the connection is
    /// dropped, and the next line opens another one.
    pub(super) fn settled<T>(&mut self, result: CommandResult<T>) -> CommandResult<T> {
        self.unsettled = false;
        if let Err(failure) = &result
            && failure.code.is_connection_lost()
            && !self.closed_idle()
        {
            self.connection.abandon();
        }
        result
    }
}
