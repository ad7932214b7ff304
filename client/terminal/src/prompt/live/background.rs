//! The commands about transfers in the background.

use qchat_client::Refusal;
use qchat_client::proto::ClientId;

use super::LiveSession;
use crate::command::{Command, Input};
use crate::error::CommandResult;
use crate::execute::{Executor, LineStatus};

impl LiveSession {
    /// Adds a transfer.
    pub(super) async fn start_background(
        &mut self,
        executor: &mut Executor,
        input: Input<'_>,
        line: Command,
    ) -> LineStatus {
        executor.announce_renamed(&line, ClientId::random()).await;
        let pushed = match (input, executor.user()) {
            (Input::Line(text), Some(_)) => self.transfers.push(text, line),
            _ => Err(Refusal::NotLoggedIn.into()),
        };
        self.report(executor, input, pushed.map(|number| format!("transfer {number} begins"))).await
    }

    /// Stops a transfer.
    pub(super) async fn stop_transfer(
        &mut self,
        executor: &mut Executor,
        input: Input<'_>,
        number: u32,
    ) -> LineStatus {
        let stopped = self.transfers.stop(number);
        self.report(executor, input, stopped).await
    }

    async fn report(
        &mut self,
        executor: &mut Executor,
        input: Input<'_>,
        result: CommandResult<String>,
    ) -> LineStatus {
        match result {
            Ok(remark) => {
                executor.output().notice(&remark);
                LineStatus::Done
            }
            Err(failure) => executor.report(input.first_word(), Err(failure)).await,
        }
    }
}
