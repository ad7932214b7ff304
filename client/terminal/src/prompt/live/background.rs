//! The lines about transfers that go on in the background.

use qchat_client::Refusal;
use qchat_client::proto::ClientId;

use super::LiveSession;
use crate::command::{Command, Input};
use crate::error::CommandError;
use crate::execute::{Executor, LineStatus};

impl LiveSession {
    /// Lets a line go on in the background.
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
        self.told(executor, input, pushed.map(|number| format!("transfer {number} begins"))).await
    }

    /// Ends a transfer.
    pub(super) async fn stop_transfer(
        &mut self,
        executor: &mut Executor,
        input: Input<'_>,
        number: u32,
    ) -> LineStatus {
        let stopped = self.transfers.stop(number);
        self.told(executor, input, stopped).await
    }

    async fn told(
        &mut self,
        executor: &mut Executor,
        input: Input<'_>,
        result: Result<String, CommandError>,
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
