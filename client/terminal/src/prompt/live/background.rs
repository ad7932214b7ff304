//! The lines about transfers that go on in the background.

use qchat_client::Refusal;
use qchat_client::proto::ClientId;

use super::Live;
use crate::command::Input;
use crate::command::Line;
use crate::error::Failure;
use crate::execute::{Outcome, Shell};

impl Live {
    /// Lets a line go on in the background.
    pub(super) async fn send_off(
        &mut self,
        shell: &mut Shell,
        input: Input<'_>,
        line: Line,
    ) -> Outcome {
        shell.tell_renamed(&line, ClientId::random()).await;
        let pushed = match (input, shell.user()) {
            (Input::Line(text), Some(_)) => self.transfers.push(text, line),
            _ => Err(Refusal::NotLoggedIn.into()),
        };
        self.told(shell, input, pushed.map(|number| format!("transfer {number} begins"))).await
    }

    /// Ends a transfer.
    pub(super) async fn stop_transfer(
        &mut self,
        shell: &mut Shell,
        input: Input<'_>,
        number: u32,
    ) -> Outcome {
        let stopped = self.transfers.stop(number);
        self.told(shell, input, stopped).await
    }

    async fn told(
        &mut self,
        shell: &mut Shell,
        input: Input<'_>,
        result: Result<String, Failure>,
    ) -> Outcome {
        match result {
            Ok(remark) => {
                shell.output().notice(&remark);
                Outcome::Done
            }
            Err(failure) => shell.tell(input.first_word(), Err(failure)).await,
        }
    }
}
