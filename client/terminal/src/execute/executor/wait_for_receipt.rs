//! Waiting for what becomes of a message that was sent.

use qchat_client::Backoff;
use qchat_proto::{Message, MessageId, Receipt, Stage};
use tokio::time::{sleep, timeout};

use super::Shell;
use crate::command::Wait;
use crate::error::Failure;
use crate::execute::deadline::Deadline;
use crate::login::Need;
use crate::outcome::Answer;

impl Shell {
    /// Waits until the message has come as far as the line wants it to, through links that are lost.
    pub(super) async fn wait_for(
        &mut self,
        message: Message,
        wait: Wait,
    ) -> Result<Answer, Failure> {
        let deadline = wait.limit.map_or(self.manner.deadline, Deadline::after);
        let reached = timeout(deadline.left(), self.reached(&message.id, wait.stage)).await;
        // Waiting may have ended in the middle of signing in.
        self.restoring_is_broken_off();
        match reached {
            Ok(Ok(receipt)) => Ok(Answer::Reached { message, receipt }),
            Ok(Err(failure)) => {
                let text = format!("sent {}, but: {}", message.id, failure.text);
                Err(Failure { text, ..failure })
            }
            Err(_) => Err(wait.too_long(&message.id, &deadline)),
        }
    }

    async fn reached(&mut self, message: &MessageId, stage: Stage) -> Result<Receipt, Failure> {
        let mut backoff = Backoff::default();
        loop {
            match self.reached_on_this_link(message, stage).await {
                Err(Failure { code: "unreachable" | "outcome_unknown", .. }) => {}
                result => return result,
            }
            backoff.failed();
            sleep(backoff.pause()).await;
        }
    }

    async fn reached_on_this_link(
        &mut self,
        message: &MessageId,
        stage: Stage,
    ) -> Result<Receipt, Failure> {
        let client = self.connect().await?;
        self.sign_in(&client, Need::SignedIn).await?;
        let mut tracking = client.track(message.clone()).await?;
        Ok(tracking.reached(stage).await?)
    }
}
