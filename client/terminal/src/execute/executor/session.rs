//! The commands that begin and end sessions.

use qchat_client::proto::ClientId;
use qchat_client::{CallError, Client, Refusal, UserName};
use qchat_proto::Password;

use super::Executor;
use crate::command::{Command, PasswordChange};
use crate::error::CommandResult;
use crate::outcome::Outcome;

impl Executor {
    pub(super) async fn register(
        &mut self,
        client: &Client,
        user: &UserName,
        password: Option<&Password>,
    ) -> CommandResult<Outcome> {
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
    ) -> CommandResult<Outcome> {
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

    pub(super) async fn logout(&mut self, client: &Client) -> CommandResult<Outcome> {
        self.end_session(client.logout()).await?;
        Ok(Outcome::SignedOut)
    }

    pub(super) async fn logout_everywhere(&mut self, client: &Client) -> CommandResult<Outcome> {
        self.end_session(client.logout_everywhere()).await?;
        Ok(Outcome::SignedOutEverywhere)
    }

    async fn end_session(
        &mut self,
        ending: impl Future<Output = Result<(), CallError>>,
    ) -> CommandResult<()> {
        self.unsettled = true;
        let ended = self.options.time.change(ending).await;
        self.settled(ended)?;
        self.account.end();
        Ok(())
    }

    pub(super) async fn change_password(
        &mut self,
        client: &Client,
        change: Option<&PasswordChange>,
    ) -> CommandResult<Outcome> {
        let Some(PasswordChange { old, new }) = change else {
            let user = client.user().ok_or(Refusal::NotLoggedIn)?;
            let change = Some(self.secrets.for_change(&user).await?);
            return self.run_completed(Command::ChangePassword(change)).await;
        };
        let changed =
            self.options.time.change(client.change_password(old.clone(), new.clone())).await;
        changed.map(|()| Outcome::PasswordChanged)
    }

    /// Runs a command that the user has completed by passwords. If the connection is lost, the complete command
    /// runs again, and nobody is asked twice.
    async fn run_completed(&mut self, command: Command) -> CommandResult<Outcome> {
        Box::pin(self.run_with_retry(&command, ClientId::random())).await
    }
}
