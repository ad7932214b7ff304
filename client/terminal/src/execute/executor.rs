//! Runs lines, one after the other, on one connection.

mod renamed;
mod session;
mod standard_input;
mod wait_for_receipt;

use std::io;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

use qchat_client::proto::{ClientId, MessageId, Stage};
use qchat_client::{Client, Code, Refusal, ServerAddress, Trust, UserName};
use tokio::time::{sleep, timeout};

use crate::command::{Command, Input, parse};
use crate::deadline::Deadline;
use crate::error::CommandError;
use crate::execute::connection::Connection;
use crate::execute::dispatch::dispatch;
use crate::execute::options::ExecOptions;
use crate::execute::retry::Persistence;
use crate::execute::upload_ids::UnfinishedUploads;
use crate::exit::Exit;
use crate::login::{Account, PasswordSource, Requirement};
use crate::outcome::{Outcome, Page};
use crate::output::{BarMode, Output};
use standard_input::StandardInput;

/// What came of a line, for who runs the next one.
#[derive(Debug)]
pub enum LineStatus {
    /// It was done, or was empty.
    Done,
    /// It was not; the error has been told.
    Failed(Exit),
    /// It asked for the end.
    Quit,
    /// Its result cannot be written, and nor could another one's.
    OutputClosed(io::Error),
}

impl LineStatus {
    /// The worse one of two.
    pub(crate) fn worse(self, other: Self) -> Self {
        match (self, other) {
            (closed @ Self::OutputClosed(_), _) | (_, closed @ Self::OutputClosed(_)) => closed,
            (Self::Failed(one), Self::Failed(other)) => Self::Failed(one.max(other)),
            (failed @ Self::Failed(_), _) | (_, failed @ Self::Failed(_)) => failed,
            (one, _) => one,
        }
    }
}

/// Runs lines as a terminal would show them: results and errors go to its [`Output`].
#[derive(Debug)]
pub struct Executor {
    connection: Connection,
    account: Account,
    secrets: PasswordSource,
    output: Output,
    options: ExecOptions,
    standard_input: StandardInput,
    /// What a line weighs that has not the form of its command.
    usage: Exit,
    /// Whether a change of the session is under way, so that breaking off leaves it unknown.
    unsettled: bool,
    /// What the last page of messages told as new.
    seen: Vec<MessageId>,
    /// The messages that the last line sent.
    sent: Vec<MessageId>,
    /// The line whose changed names were told.
    announced: Option<ClientId>,
    /// Whether the last line had no answer in its time: then nothing else waits for the server either.
    is_unanswered: bool,
}

/// How long the answer to a line may take where nobody says.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long ending the session may take when the program ends.
const LOGOUT_MAX: Duration = Duration::from_secs(5);

/// The same after Ctrl-C.
const BREAK_OFF_MAX: Duration = Duration::from_secs(1);

/// The same for a server that has just left a line without an answer.
const GOODBYE_MAX: Duration = Duration::from_millis(25);

impl Executor {
    /// A shell on a connection that stands. `server` and `trust` serve to make it again when it is
    /// lost. It asks nobody for passwords and draws no bars.
    pub fn on(client: Client, server: ServerAddress, trust: Trust, output: Output) -> Self {
        let connection = Connection::new(server, trust).with_client(client);
        Self::new(connection, Account::default(), PasswordSource::none(), output, PATIENCE)
    }

    /// A shell that gives each line this long.
    pub(crate) fn new(
        connection: Connection,
        account: Account,
        secrets: PasswordSource,
        output: Output,
        patience: Duration,
    ) -> Self {
        let options = ExecOptions::plain(patience);
        Self {
            connection,
            account,
            secrets,
            output,
            options,
            standard_input: StandardInput::HoldsLines,
            usage: Exit::Refused,
            unsettled: false,
            seen: Vec::new(),
            sent: Vec::new(),
            is_unanswered: false,
            announced: None,
        }
    }

    /// Reads and saves files in this folder rather than in the working directory.
    #[must_use]
    pub fn in_folder(mut self, folder: PathBuf) -> Self {
        self.options.folder = Some(folder);
        self
    }

    /// Notes uploads until they are answered, so that another run can go on with them.
    #[must_use]
    pub(crate) fn with_notes(mut self, folder: PathBuf) -> Self {
        self.options.unfinished =
            Some(UnfinishedUploads::new(folder, self.connection.server().clone()));
        self
    }

    /// Shows transfers while they run.
    #[must_use]
    pub(crate) fn with_bars(mut self) -> Self {
        self.options.progress.bars = BarMode::On;
        self
    }

    /// Lets lines read standard input: they are given by arguments.
    #[must_use]
    pub(crate) fn with_standard_input(mut self) -> Self {
        self.standard_input = StandardInput::Free;
        self
    }

    /// Takes a line of the wrong form for bad usage of the program: it is its only one.
    #[must_use]
    pub(crate) fn for_one_command(mut self) -> Self {
        self.usage = Exit::Usage;
        self
    }

    /// Spends nothing on what only files need.
    #[must_use]
    pub(crate) fn for_messages(mut self) -> Self {
        self.connection = self.connection.for_messages();
        self
    }

    /// Runs a line as it was typed or read.
    ///
    /// # Cancel safety
    /// Not cancel safe: whether it was done is unknown. Call [`cancelled`](Self::cancelled) then.
    pub async fn run_line(&mut self, line: &str) -> LineStatus {
        self.run_input(Input::line(line)).await
    }

    /// Tells that the running line was broken off.
    pub fn cancelled(&mut self) {
        if std::mem::take(&mut self.unsettled) {
            // The next line connects again, and knows then who is signed in.
            self.connection.abandon();
        }
        self.output.notice(match self.options.progress.has_moved.swap(false, Ordering::Relaxed) {
            true => "broken off; the same line again goes on where it stopped",
            false => "broken off; what was on its way already may have been done",
        });
    }

    /// Ends a session that is not saved, and says goodbye to the server.
    pub async fn finish(self) {
        let limit = if self.is_unanswered { GOODBYE_MAX } else { LOGOUT_MAX };
        self.end_unsaved(limit).await;
        self.close().await;
    }

    /// The same for a person who does not want to wait.
    pub(crate) async fn break_off(self) {
        self.end_unsaved(BREAK_OFF_MAX).await;
        self.close().await;
    }

    async fn end_unsaved(&self, limit: Duration) {
        if let Some(client) = self.connection.client().filter(|_| self.account.is_unsaved()) {
            // If that fails, the session ends by its age.
            let _ = timeout(limit, client.logout()).await;
        }
    }

    /// Leaves without a look back.
    pub(crate) async fn close(self) {
        let limit = if self.is_unanswered { GOODBYE_MAX } else { LOGOUT_MAX };
        // A server that does not hear the goodbye finds out by itself.
        let _ = timeout(limit, self.connection.close()).await;
    }

    /// The streams that are written to.
    pub(crate) fn output(&mut self) -> &mut Output {
        &mut self.output
    }

    /// The server.
    pub(crate) fn server(&self) -> &ServerAddress {
        self.connection.server()
    }

    /// Takes up a saved session, connects and signs in before the first line.
    ///
    /// # Errors
    /// There is no connection. That nobody is signed in is told, and is no error.
    pub(crate) async fn start(&mut self) -> Result<Option<UserName>, CommandError> {
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

    pub(crate) async fn run_input(&mut self, input: Input<'_>) -> LineStatus {
        if input.is_blank() {
            return LineStatus::Done;
        }
        let result = match parse(input) {
            Ok(Command::FromInput(line)) => self.run_from_stdin(*line).await,
            Ok(line) => self.run_and_wait(&line).await,
            Err(error) => Err(error.into()),
        };
        self.report(input.first_word(), result).await
    }

    /// Tells of a line that could not even be read.
    pub(crate) async fn refuse(&mut self, start: &str, failure: CommandError) -> LineStatus {
        self.report(Input::Line(start).first_word(), Err(failure)).await
    }

    /// How lines are done.
    pub(crate) fn options(&self) -> &ExecOptions {
        &self.options
    }

    /// Writes the result, and only then marks as read what was shown.
    pub(crate) async fn report(
        &mut self,
        command: &str,
        mut result: Result<Outcome, CommandError>,
    ) -> LineStatus {
        if let Err(failure) = &mut result
            && failure.code.is_usage()
        {
            failure.exit = self.usage;
        }
        if let Err(failure) = &mut result
            && failure.code == Code::EmptyMessage
            && self.standard_input == StandardInput::Free
        {
            failure.text.push_str("; with - for MESSAGE it is taken from standard input");
        }
        self.is_unanswered =
            result.as_ref().is_err_and(|failure| failure.code.is_connection_lost());
        if let Err(closed) = self.output.report(command, &result) {
            return LineStatus::OutputClosed(closed);
        }
        match result {
            Ok(Outcome::History(page)) => self.mark_read(page).await,
            Ok(Outcome::Quit) => return LineStatus::Quit,
            Ok(outcome) => {
                self.sent = outcome.sent().iter().map(|message| message.id.clone()).collect();
                if let Some(failure) = outcome.error() {
                    return LineStatus::Failed(failure.exit);
                }
            }
            Err(failure) => return LineStatus::Failed(failure.exit),
        }
        LineStatus::Done
    }

    async fn mark_read(&mut self, page: Page) {
        let unread: Vec<_> = page.messages.into_iter().filter(|message| message.unread).collect();
        self.seen = unread.iter().map(|message| message.id.clone()).collect();
        let Some(client) = self.connection.client().filter(|_| !unread.is_empty()) else { return };
        let marked = self.options.time.query(client.mark_read(page.log, &unread)).await;
        if let Err(failure) = marked {
            let text = format!("these messages stay unread: {}", failure.text);
            self.output.notice(&text);
        }
    }

    async fn run_and_wait(&mut self, line: &Command) -> Result<Outcome, CommandError> {
        match (self.run_with_retry(line, ClientId::random()).await?, line.wait()) {
            (Outcome::Sent(message), wait) if wait.stage > Stage::Stored => {
                self.wait_for(message, wait).await
            }
            (Outcome::SentFiles(sent), wait) if wait.stage > Stage::Stored => {
                for message in &sent.messages {
                    self.wait_for(message.clone(), wait).await?;
                }
                Ok(Outcome::SentFiles(sent))
            }
            (outcome, _) => Ok(outcome),
        }
    }

    /// Does a line, and again on a new link where the one it had was lost. Every try carries the same
    /// id, so that the server does it once.
    pub(crate) async fn run_with_retry(
        &mut self,
        line: &Command,
        id: ClientId,
    ) -> Result<Outcome, CommandError> {
        self.begin_line();
        self.run_until_deadline(line, id, Persistence::default()).await
    }

    /// Does a line again whose first try failed with its link, under the id and in the time that it has.
    pub(crate) async fn retry_after_loss(
        &mut self,
        line: &Command,
        (id, deadline): (ClientId, Deadline),
        failure: CommandError,
    ) -> Result<Outcome, CommandError> {
        self.options.time.deadline = deadline;
        self.connection.begin();
        let mut persistence = Persistence::default();
        let notice = persistence.is_news(&deadline).then(|| failure.before_trying_again(&deadline));
        let pause = persistence.pause_after(failure, &deadline)?;
        // On a connection that stands, it was something else that ended.
        if !self.is_connected() {
            if let Some(notice) = notice.filter(|_| !self.closed_idle()) {
                self.output.notice(&notice);
            }
            sleep(pause).await;
        }
        self.run_until_deadline(line, id, persistence).await
    }

    /// Does a line in the time that is left, and again on a new link if the one it had was lost.
    pub(crate) async fn run_until_deadline(
        &mut self,
        line: &Command,
        id: ClientId,
        mut persistence: Persistence,
    ) -> Result<Outcome, CommandError> {
        loop {
            let result = self.run_once(line, id).await;
            if self.options.progress.has_moved.swap(false, Ordering::Relaxed) {
                // The server was there, and a file has come further.
                self.begin_line();
                persistence.has_moved();
            }
            let failure = match result {
                Err(failure) if self.is_worth_repeating(line, &failure) => failure,
                result => return result,
            };
            let deadline = self.options.time.deadline;
            // That the server has ended what nobody used is no trouble, also if it crossed with the line.
            if persistence.is_news(&deadline) && !self.closed_idle() {
                self.output.notice(&failure.before_trying_again(&deadline));
            }
            // Nothing tells when a server comes back but asking it.
            sleep(persistence.pause_after(failure, &deadline)?).await;
        }
    }

    /// Gives the line that begins now its whole time.
    pub(crate) fn begin_line(&mut self) {
        self.options.time.restart();
        self.connection.begin();
    }

    /// Whether the link is gone, may come back, and the line can be repeated.
    fn is_worth_repeating(&self, line: &Command, failure: &CommandError) -> bool {
        let gone = self.connection.client().is_none() && !self.connection.is_final();
        match failure.code {
            Code::Unreachable => gone,
            Code::OutcomeUnknown => gone && line.is_repeatable(),
            _ => false,
        }
    }

    /// Does a line, once.
    pub(crate) async fn run_once(
        &mut self,
        line: &Command,
        id: ClientId,
    ) -> Result<Outcome, CommandError> {
        match line {
            Command::Help(verb) => return Ok(Outcome::Help(*verb)),
            Command::Quit => return Ok(Outcome::Quit),
            Command::Background(_) => return Err(CommandError::no_background()),
            Command::Transfers | Command::StopTransfer(_) => {
                return Err(CommandError::no_transfers());
            }
            _ => {}
        }
        let visitor = matches!(line, Command::Register { .. } | Command::Login { .. });
        let requirement = if visitor || *line == Command::Logout {
            Requirement::Session
        } else {
            Requirement::SignedIn
        };
        let client = self.connect_for(requirement).await?.with_request_id(id);
        match client.user() {
            Some(user) if visitor => return Err(Refusal::AlreadyLoggedIn(user).into()),
            None if !visitor => return Err(Refusal::NotLoggedIn.into()),
            _ => {}
        }
        match line {
            Command::Register { user, password } => {
                self.register(&client, user, password.as_ref()).await
            }
            Command::Login { user, password } => self.login(&client, user, password.as_ref()).await,
            Command::Logout => self.logout(&client).await,
            Command::LogoutEverywhere => self.logout_everywhere(&client).await,
            Command::ChangePassword(change) => self.change_password(&client, change.as_ref()).await,
            line => {
                self.announce_renamed(line, id).await;
                dispatch(&client, line, &self.options).await
            }
        }
    }

    /// A connection on which is signed in who is to be. A person may take longer for their password than
    /// the server waits for it.
    async fn connect_for(&mut self, requirement: Requirement) -> Result<Client, CommandError> {
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

    /// A connection on which somebody is signed in, if it is there or can be made at the first try.
    pub(crate) async fn connected(&mut self) -> Result<Client, CommandError> {
        self.connect_for(Requirement::SignedIn).await
    }

    async fn connect(&mut self) -> Result<Client, CommandError> {
        let made = self.connection.connect(&self.options.time.deadline).await?;
        for remark in made.remark.into_iter().chain(self.connection.take_key_remark()) {
            self.output.notice(&remark);
        }
        Ok(made.client)
    }
}

#[cfg(test)]
mod tests;
