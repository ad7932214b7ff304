//! Runs a typed line, or lets it wait for a connection.

use qchat_client::proto::ClientId;
use tokio::time::timeout;

use super::{LiveSession, WatchState, step};
use crate::command::{Command, Input, parse};
use crate::error::{CommandError, CommandResult};
use crate::execute::{Executor, LineStatus, TaskEnd};
use crate::outbox::Delivery;
use crate::outcome::{LateResult, Notice, Outcome};

impl LiveSession {
    /// Runs a typed line, or keeps it in the outbox until there is a connection.
    ///
    /// # Cancel safety
    /// As [`Executor::run_line`]. A line in the outbox stays there.
    pub(crate) async fn enter(&mut self, executor: &mut Executor, text: &str) -> LineStatus {
        let input = Input::line(text);
        match parse(input) {
            Ok(line) if self.delivery.is_some() && line.can_wait() => {
                self.send(executor, input, &line).await
            }
            Ok(Command::Background(line)) => self.start_background(executor, input, *line).await,
            Ok(Command::StopTransfer(number)) => self.stop_transfer(executor, input, number).await,
            Ok(Command::Transfers) => {
                executor.output().transfers(&self.transfers.rows());
                LineStatus::Done
            }
            Ok(line) if line.asks_server() => match self.settle(executor, &line).await {
                Ok(()) => executor.run_line(text).await,
                Err(failure) => executor.report(input.first_word(), Err(failure)).await,
            },
            _ => executor.run_line(text).await,
        }
    }

    /// Runs a command at once if possible, so that its result appears below the line. Otherwise the line goes
    /// to the end of the outbox.
    async fn send(
        &mut self,
        executor: &mut Executor,
        input: Input<'_>,
        line: &Command,
    ) -> LineStatus {
        let id = ClientId::random();
        let can_run = executor.is_connected() || executor.is_moving();
        if self.waiting() == 0 && can_run {
            executor.begin_line();
            let mut result = executor.run_once(line, id).await;
            if result.as_ref().is_err_and(|failure| failure.code.is_transient())
                && executor.is_moving()
            {
                // The server that it went to has left its clients to another one.
                result = executor.run_once(line, id).await;
            }
            match result {
                Err(failure) if failure.code.is_connection_lost() || executor.is_moving() => {}
                result => return executor.report(input.first_word(), result).await,
            }
        }
        executor.announce_renamed(line, id).await;
        let (Input::Line(text), Some(delivery)) = (input, &mut self.delivery) else {
            return LineStatus::Done;
        };
        match delivery.push(id, text, line) {
            Ok(remark) => {
                executor.output().notice(&remark);
                LineStatus::Done
            }
            Err(failure) => executor.report(input.first_word(), Err(failure)).await,
        }
    }

    fn waiting(&self) -> usize {
        self.delivery.as_ref().map_or(0, Delivery::waiting)
    }

    /// Sends the outbox before a command that cannot wait, within the time of a line. If there is a connection
    /// at the end, the command runs even if lines still wait.
    async fn settle(&mut self, executor: &mut Executor, line: &Command) -> CommandResult<()> {
        let patience = executor.options().time.per_line;
        executor.begin_line();
        let settled = timeout(patience, self.deliver_before(line, executor)).await;
        executor.restore_cancelled();
        match settled {
            Err(_) if !executor.is_connected() => {
                let text = format!("there was no connection for {} s", patience.as_secs());
                Err(CommandError::unreachable(text))
            }
            _ => Ok(()),
        }
    }

    /// Sends the outbox. A command that only reads does not wait for files.
    async fn deliver_before(&mut self, line: &Command, executor: &mut Executor) {
        let ends_session = matches!(line, Command::Logout | Command::LogoutEverywhere);
        let passes_files = !ends_session && !matches!(line, Command::Leave(_));
        if self.waiting() > 0 && !executor.is_connected() {
            let seconds = executor.options().time.per_line.as_secs();
            executor.output().notice(&format!("no connection; trying again for {seconds} s"));
        }
        while self.waiting() > 0 {
            if executor.signed_in().is_some() {
                if passes_files && self.delivery.as_ref().is_some_and(Delivery::sends_file) {
                    return;
                }
                match step(&mut self.delivery, executor).await {
                    TaskEnd::Done(sent) => {
                        self.track(&sent, executor);
                        executor.output().late(&sent);
                    }
                    TaskEnd::Retry => {}
                    TaskEnd::SignedOut => executor.drop_connection(),
                }
            } else if executor.can_be_restored() {
                // The next round shows whether this succeeded.
                let _ = executor.restore().await;
            } else {
                return;
            }
        }
    }

    /// Handles the end of an attempt to send.
    pub(super) fn sent(&mut self, step: TaskEnd, executor: &mut Executor) {
        match step {
            TaskEnd::Done(sent) => {
                self.track(&sent, executor);
                self.notices.post(Notice::Late(*sent));
            }
            TaskEnd::Retry => self.follow(executor),
            TaskEnd::SignedOut => {
                executor.drop_connection();
                self.stop();
                self.watch = WatchState::Lost;
            }
        }
    }

    fn track(&mut self, sent: &LateResult, executor: &Executor) {
        for message in sent.result.as_ref().map(Outcome::sent).unwrap_or_default() {
            self.own.add(message.id.clone(), executor.signed_in(), &self.notices);
        }
    }

    /// Opens the outbox of the signed-in user.
    pub(super) fn open_delivery(&mut self, executor: &Executor) {
        let (Some(user), Some(outboxes)) = (&self.user, &self.outboxes) else { return };
        let folders = executor.names().places(outboxes, user);
        match Delivery::open(user.clone(), &folders) {
            Ok((delivery, remarks)) => {
                self.delivery = Some(delivery);
                remarks.iter().for_each(|remark| self.notice(remark));
            }
            Err(error) => self.notice(&format!("lines cannot wait for a connection: {error}")),
        }
    }

    /// Closes the outbox. Returns the remark about lines that still wait.
    pub(super) fn close_delivery(&mut self) -> Option<String> {
        let mut delivery = self.delivery.take().filter(|delivery| delivery.waiting() > 0)?;
        delivery.save();
        let user = delivery.user();
        Some(match delivery.waiting() {
            1 => format!("1 line waits; it is kept, and sent when {user} is here again"),
            lines => {
                format!("{lines} lines wait; they are kept, and sent when {user} is here again")
            }
        })
    }
}
