//! Runs lines, one after the other, on one connection.

mod announce_renamed;
mod attempts;
mod connect;
mod finish;
mod session;
mod standard_input;
mod status;
mod wait_for_receipt;

use std::path::PathBuf;
use std::time::Duration;

use qchat_client::proto::{ClientId, MessageId};
use qchat_client::{Client, Code, ReconnectingClient, ServerAddresses, Trust};

use crate::command::{Command, Input, parse};
use crate::config::ServerNames;
use crate::error::{CommandError, CommandResult};
use crate::execute::options::ExecOptions;
use crate::execute::upload_ids::UnfinishedUploads;
use crate::exit::Exit;
use crate::login::{Account, PasswordSource};
use crate::outcome::{Outcome, Page};
use crate::output::{BarMode, Output};
pub use status::LineStatus;

/// Runs lines as a terminal would show them: results and errors go to its [`Output`].
#[derive(Debug)]
pub struct Executor {
    connection: ReconnectingClient,
    names: ServerNames,
    /// The notice about the server's key, until it is shown.
    key_notice: Option<String>,
    account: Account,
    secrets: PasswordSource,
    output: Output,
    options: ExecOptions,
    standard_input: StandardInput,
    /// The exit status of a line that does not have the form of its command.
    usage: Exit,
    /// Whether a change of the session is under way. Cancelling it leaves the state of the session unknown.
    unsettled: bool,
    /// The unread messages that the last line showed.
    seen: Vec<MessageId>,
    /// The messages that the last line sent.
    sent: Vec<MessageId>,
    /// The id of the line whose renamed files were announced.
    announced: Option<ClientId>,
    /// Whether the last line had no answer in its time. Then nothing else waits for the server either.
    is_unanswered: bool,
}

/// Whether a line may read standard input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StandardInput {
    /// No line comes from it.
    Free,
    /// It holds the lines, or a person types them.
    HoldsLines,
}

/// The default time limit of a line.
const TIME_PER_LINE: Duration = Duration::from_secs(30);

impl Executor {
    /// Uses a connection that is open. `server` and `trust` serve to open it again when it is lost. This
    /// executor asks nobody for passwords and draws no progress bars.
    pub fn on(
        client: Client,
        server: impl Into<ServerAddresses>,
        trust: Trust,
        output: Output,
    ) -> Self {
        let connection = ReconnectingClient::new(server, trust).with_client(client);
        let names = ServerNames::given(connection.server());
        let (account, secrets) = (Account::default(), PasswordSource::none());
        Self::new((connection, names), account, secrets, output, TIME_PER_LINE)
    }

    /// Gives each line the time `per_line`.
    pub(crate) fn new(
        (connection, names): (ReconnectingClient, ServerNames),
        account: Account,
        secrets: PasswordSource,
        output: Output,
        per_line: Duration,
    ) -> Self {
        Self {
            connection,
            names,
            key_notice: None,
            account,
            secrets,
            output,
            options: ExecOptions::plain(per_line),
            standard_input: StandardInput::HoldsLines,
            usage: Exit::Refused,
            unsettled: false,
            seen: Vec::new(),
            sent: Vec::new(),
            is_unanswered: false,
            announced: None,
        }
    }

    /// Reads and saves files in this folder instead of the working directory.
    #[must_use]
    pub fn in_folder(mut self, folder: PathBuf) -> Self {
        self.options.folder = Some(folder);
        self
    }

    /// Notes uploads on the disk until they are answered, so that another run can resume them.
    #[must_use]
    pub(crate) fn with_upload_notes(mut self, folder: PathBuf) -> Self {
        self.options.unfinished = Some(UnfinishedUploads::new(folder, self.names.clone()));
        self
    }

    /// Draws progress bars.
    #[must_use]
    pub(crate) fn with_bars(mut self) -> Self {
        self.options.progress.bars = BarMode::On;
        self
    }

    /// Lets lines read standard input, because the lines themselves are arguments.
    #[must_use]
    pub(crate) fn with_standard_input(mut self) -> Self {
        self.standard_input = StandardInput::Free;
        self
    }

    /// Counts a line of the wrong form as bad usage of the program, because the line is its only command.
    #[must_use]
    pub(crate) fn for_one_command(mut self) -> Self {
        self.usage = Exit::Usage;
        self
    }

    /// Prepares the connection for messages only, which is cheaper.
    #[must_use]
    pub(crate) fn for_messages(mut self) -> Self {
        self.connection = self.connection.for_messages();
        self
    }

    /// Runs a line as it was typed or read.
    ///
    /// # Cancel safety
    /// Not cancel safe: the outcome is then unknown. Call [`cancelled`](Self::cancelled) after it.
    pub async fn run_line(&mut self, line: &str) -> LineStatus {
        self.run_input(Input::line(line)).await
    }

    pub(crate) async fn run_input(&mut self, input: Input<'_>) -> LineStatus {
        if input.is_blank() {
            return LineStatus::Done;
        }
        let result = match parse(input) {
            Ok(Command::FromInput(command)) => self.run_from_stdin(*command).await,
            Ok(command) => self.run_and_wait(&command).await,
            Err(error) => Err(error.into()),
        };
        self.report(input.first_word(), result).await
    }

    /// Reports a line that could not even be read.
    pub(crate) async fn refuse(&mut self, start: &str, failure: CommandError) -> LineStatus {
        self.report(Input::Line(start).first_word(), Err(failure)).await
    }

    /// Writes the result of the line that began with the word `name`. Only then, the messages that it showed
    /// are marked as read.
    pub(crate) async fn report(
        &mut self,
        name: &str,
        mut result: CommandResult<Outcome>,
    ) -> LineStatus {
        if let Err(failure) = &mut result {
            self.complete_error(failure);
        }
        self.is_unanswered =
            result.as_ref().is_err_and(|failure| failure.code.is_connection_lost());
        if let Err(closed) = self.output.report(name, &result) {
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

    /// Adds what depends on how the program was started.
    fn complete_error(&self, failure: &mut CommandError) {
        if failure.code.is_usage() {
            failure.exit = self.usage;
        }
        if failure.code == Code::EmptyMessage && self.standard_input == StandardInput::Free {
            failure.text.push_str("; with - for MESSAGE it is taken from standard input");
        }
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

    /// The unread messages that the last line showed.
    pub(crate) fn take_seen(&mut self) -> Vec<MessageId> {
        std::mem::take(&mut self.seen)
    }

    /// The messages that the last line sent, unless it waited for their receipts.
    pub(crate) fn take_sent(&mut self) -> Vec<MessageId> {
        std::mem::take(&mut self.sent)
    }

    /// The streams for results and errors.
    pub(crate) fn output(&mut self) -> &mut Output {
        &mut self.output
    }

    pub(crate) fn options(&self) -> &ExecOptions {
        &self.options
    }
}

#[cfg(test)]
mod tests;
