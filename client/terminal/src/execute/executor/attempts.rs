//! The attempts of one command: again on another connection if the one it had was lost. All attempts have the
//! same id, so the server runs the command once.

use std::sync::atomic::Ordering;
use std::time::Duration;

use qchat_client::proto::{ClientId, Stage};
use qchat_client::{Client, Code, Reconnect, Refusal};
use tokio::time::sleep;

use super::Executor;
use crate::command::Command;
use crate::deadline::Deadline;
use crate::error::{CommandError, CommandResult};
use crate::execute::dispatch::dispatch;
use crate::execute::retry::LineRetry;
use crate::login::Requirement;
use crate::outcome::Outcome;

impl Executor {
    /// Runs a command, and waits for the receipts of the messages that it sent, if the line says so.
    pub(super) async fn run_and_wait(&mut self, command: &Command) -> CommandResult<Outcome> {
        let wait = command.wait();
        let outcome = self.run_with_retry(command, ClientId::random()).await?;
        if wait.stage == Stage::Stored {
            return Ok(outcome);
        }
        match outcome {
            Outcome::Sent(message) => self.wait_for(message, wait).await,
            Outcome::SentFiles(sent) => {
                for message in &sent.messages {
                    self.wait_for(message.clone(), wait).await?;
                }
                Ok(Outcome::SentFiles(sent))
            }
            outcome => Ok(outcome),
        }
    }

    /// Runs a command in the time of a new line.
    pub(super) async fn run_with_retry(
        &mut self,
        command: &Command,
        id: ClientId,
    ) -> CommandResult<Outcome> {
        self.begin_line();
        self.run_until_deadline(command, id, LineRetry::default()).await
    }

    /// Runs a command again whose first attempt failed with its connection, under its id and in the time that
    /// it has left.
    pub(crate) async fn retry_after_loss(
        &mut self,
        command: &Command,
        (id, deadline): (ClientId, Deadline),
        failure: CommandError,
    ) -> CommandResult<Outcome> {
        self.options.time.deadline = deadline;
        self.connection.restart();
        let mut retry = LineRetry::default();
        if self.is_connected() {
            // Only the stream of texts has ended.
            retry.pause_after(failure, &deadline, Duration::ZERO)?;
        } else {
            self.pause_after(failure, &mut retry).await?;
        }
        self.run_until_deadline(command, id, retry).await
    }

    /// Signs in within the time of a line, and gives the connection to the caller.
    ///
    /// # Errors
    /// [`CommandError`]: there is no connection, or nobody can be signed in.
    pub(crate) async fn into_session(mut self) -> CommandResult<(Client, Reconnect)> {
        self.begin_line();
        let mut retry = LineRetry::default();
        let client = loop {
            match self.connected().await {
                Err(failure) if failure.code == Code::Unreachable => {
                    self.connection.abandon();
                    self.pause_after(failure, &mut retry).await?;
                }
                signed_in => break signed_in?,
            }
        };
        let token = self.account.token().ok_or(Refusal::NotLoggedIn)?;
        let (server, trust) = (self.server().clone(), self.connection.trust().clone());
        Ok((client, Reconnect { server, trust, token }))
    }

    /// Runs a command in the time that is left.
    pub(crate) async fn run_until_deadline(
        &mut self,
        command: &Command,
        id: ClientId,
        mut retry: LineRetry,
    ) -> CommandResult<Outcome> {
        loop {
            let result = self.run_once(command, id).await;
            if self.options.progress.has_moved.swap(false, Ordering::Relaxed) {
                // The server was there, and bytes of a file have moved. The pauses go on growing.
                self.options.time.restart();
                retry.note_progress();
            }
            let failure = match result {
                Err(failure) if self.is_worth_repeating(command, &failure) => failure,
                result => return result,
            };
            self.pause_after(failure, &mut retry).await?;
        }
    }

    /// Reports the first loss of a line, and waits before the next attempt.
    ///
    /// # Errors
    /// The final error, if the time of the line is over.
    async fn pause_after(
        &mut self,
        failure: CommandError,
        retry: &mut LineRetry,
    ) -> CommandResult<()> {
        let deadline = self.options.time.deadline;
        // The server may close an idle connection at any time, also while the command is on its way, and one of
        // several servers may leave its clients to the others. Neither deserves a notice.
        let is_usual = self.closed_idle() || self.is_moving();
        if retry.is_news(&deadline) && !is_usual {
            self.output.notice(&failure.before_trying_again(&deadline));
        }
        // Only another attempt shows whether the server is back.
        sleep(retry.pause_after(failure, &deadline, self.connection.next_pause())?).await;
        Ok(())
    }

    /// Gives the line that begins now its whole time.
    pub(crate) fn begin_line(&mut self) {
        self.options.time.restart();
        self.connection.restart();
    }

    /// Whether the connection is gone, may come back, and the command can be repeated.
    fn is_worth_repeating(&self, command: &Command, failure: &CommandError) -> bool {
        let gone = self.connection.client().is_none() && !self.connection.is_refused();
        match failure.code {
            Code::Unreachable => gone,
            Code::OutcomeUnknown => gone && command.is_repeatable(),
            // The server has done nothing, and another one takes its place.
            Code::ShuttingDown => self.is_moving(),
            _ => false,
        }
    }

    /// Runs a command in one attempt.
    pub(crate) async fn run_once(
        &mut self,
        command: &Command,
        id: ClientId,
    ) -> CommandResult<Outcome> {
        match command {
            Command::Help(verb) => return Ok(Outcome::Help(*verb)),
            Command::Quit => return Ok(Outcome::Quit),
            Command::Background(_) => return Err(CommandError::no_background()),
            Command::Transfers | Command::StopTransfer(_) => {
                return Err(CommandError::no_transfers());
            }
            _ => {}
        }
        let is_sign_in = matches!(command, Command::Register { .. } | Command::Login { .. });
        let requirement = match is_sign_in || *command == Command::Logout {
            true => Requirement::Session,
            false => Requirement::SignedIn,
        };
        let client = self.connect_for(requirement).await?.with_request_id(id);
        match client.user() {
            Some(user) if is_sign_in => return Err(Refusal::AlreadyLoggedIn(user).into()),
            None if !is_sign_in => return Err(Refusal::NotLoggedIn.into()),
            _ => {}
        }
        match command {
            Command::Register { user, password } => {
                self.register(&client, user, password.as_ref()).await
            }
            Command::Login { user, password } => self.login(&client, user, password.as_ref()).await,
            Command::Logout => self.logout(&client).await,
            Command::LogoutEverywhere => self.logout_everywhere(&client).await,
            Command::ChangePassword(change) => self.change_password(&client, change.as_ref()).await,
            command => {
                self.announce_renamed(command, id).await;
                dispatch(&client, command, &self.options).await
            }
        }
    }
}
