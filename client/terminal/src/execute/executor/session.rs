//! The lines that begin and end sessions, and signing in on behalf of the others.

use qchat_client::proto::ClientId;
use qchat_client::{Client, Refusal, UserName};
use qchat_proto::{MessageId, Password};

use super::Executor;
use crate::command::{Command, PasswordChange};
use crate::error::CommandError;
use crate::login::{Requirement, SignInContext};
use crate::outcome::Outcome;

impl Executor {
    /// The connection to the server, if it stands.
    pub(crate) fn client(&self) -> Option<&Client> {
        self.connection.client()
    }

    /// Whether there is a connection to the server.
    pub(crate) fn is_connected(&self) -> bool {
        self.client().is_some()
    }

    /// Whether the connection was given up for as long as nobody signs in, and is made when a line needs it.
    pub(crate) fn closed_idle(&self) -> bool {
        self.connection.closed_idle()
    }

    /// Whether the session can be had again on another connection.
    pub(crate) fn can_be_restored(&self) -> bool {
        self.account.user().is_some() && !self.connection.is_final()
    }

    /// Whose session it is, whether or not there is a connection.
    pub(crate) fn user(&self) -> Option<UserName> {
        self.connection.client().and_then(Client::user).or_else(|| self.account.user())
    }

    /// The connection, where somebody is signed in on it, and who that is.
    pub(crate) fn signed_in(&self) -> Option<(Client, UserName)> {
        let client = self.connection.client()?;
        Some((client.clone(), client.user()?))
    }

    /// What is to be told of the server's key, once.
    pub(crate) fn take_key_remark(&mut self) -> Option<String> {
        self.connection.take_key_remark()
    }

    /// Gives the connection up, since who is signed in on it is not any more.
    pub(crate) fn drop_connection(&mut self) {
        self.connection.abandon();
    }

    /// The messages that the last line showed and that were unread.
    pub(crate) fn take_seen(&mut self) -> Vec<MessageId> {
        std::mem::take(&mut self.seen)
    }

    /// The messages that the last line sent, unless it waited for the receipt.
    pub(crate) fn take_sent(&mut self) -> Vec<MessageId> {
        std::mem::take(&mut self.sent)
    }

    /// Connects and resumes the session, without a word and without a line that needs it.
    ///
    /// # Errors
    /// [`CommandError`]: there is no connection, or it is not known whether it is signed in. That the
    /// session has ended is no error.
    ///
    /// # Cancel safety
    /// Cancel safe, if [`restore_cancelled`](Self::restore_cancelled) is called then.
    pub(crate) async fn restore(&mut self) -> Result<(), CommandError> {
        // It is no line of a person's, and has its own time.
        self.options.time.restart();
        let client = self.connection.connect(&self.options.time.deadline).await?.client;
        self.sign_in(&client, Requirement::Session).await
    }

    /// Notes that restoring may have been broken off: the next line then connects anew.
    pub(crate) fn restore_cancelled(&mut self) {
        if std::mem::take(&mut self.unsettled) {
            self.connection.abandon();
        }
    }

    pub(super) async fn sign_in(
        &mut self,
        client: &Client,
        requirement: Requirement,
    ) -> Result<(), CommandError> {
        self.unsettled = true;
        let mut context = SignInContext { secrets: &self.secrets, time: &mut self.options.time };
        let signed_in = self.account.sign_in(client, requirement, &mut context).await;
        for remark in self.settled(signed_in)? {
            self.output.notice(&remark);
        }
        Ok(())
    }

    pub(super) async fn register(
        &mut self,
        client: &Client,
        user: &UserName,
        password: Option<&Password>,
    ) -> Result<Outcome, CommandError> {
        let Some(password) = password else {
            let password = Some(self.secrets.for_registration(user).await?);
            return self.run_completed(Command::Register { user: user.clone(), password }).await;
        };
        let registered = client.register(user.clone(), password.clone());
        self.options.time.change(registered).await.map(Outcome::Registered)
    }

    pub(super) async fn login(
        &mut self,
        client: &Client,
        user: &UserName,
        password: Option<&Password>,
    ) -> Result<Outcome, CommandError> {
        let Some(password) = password else {
            let password = Some(self.secrets.for_login(user).await?);
            return self.run_completed(Command::Login { user: user.clone(), password }).await;
        };
        self.unsettled = true;
        let signed_in =
            self.options.time.change(client.login(user.clone(), password.clone())).await;
        let token = self.settled(signed_in)?;
        if let Some(remark) = self.account.begin(user, token) {
            self.output.notice(&remark);
        }
        Ok(Outcome::SignedIn(user.clone()))
    }

    pub(super) async fn logout(&mut self, client: &Client) -> Result<Outcome, CommandError> {
        self.unsettled = true;
        let ended = self.options.time.change(client.logout()).await;
        self.settled(ended)?;
        self.account.end();
        Ok(Outcome::SignedOut)
    }

    pub(super) async fn logout_everywhere(
        &mut self,
        client: &Client,
    ) -> Result<Outcome, CommandError> {
        self.unsettled = true;
        let ended = self.options.time.change(client.logout_everywhere()).await;
        self.settled(ended)?;
        self.account.end();
        Ok(Outcome::SignedOutEverywhere)
    }

    pub(super) async fn change_password(
        &mut self,
        client: &Client,
        change: Option<&PasswordChange>,
    ) -> Result<Outcome, CommandError> {
        let Some(PasswordChange { old, new }) = change else {
            let user = client.user().ok_or(Refusal::NotLoggedIn)?;
            let change = Some(self.secrets.for_change(&user).await?);
            return self.run_completed(Command::ChangePassword(change)).await;
        };
        let changed =
            self.options.time.change(client.change_password(old.clone(), new.clone())).await;
        changed.map(|()| Outcome::PasswordChanged)
    }

    /// Does a line that a person has completed by passwords. Should the link be lost, it is repeated as it is,
    /// and nobody is asked again.
    async fn run_completed(&mut self, complete: Command) -> Result<Outcome, CommandError> {
        Box::pin(self.run_with_retry(&complete, ClientId::random())).await
    }

    /// Where it is not known whether the connection is signed in, the next line makes a new one.
    fn settled<T>(&mut self, result: Result<T, CommandError>) -> Result<T, CommandError> {
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
