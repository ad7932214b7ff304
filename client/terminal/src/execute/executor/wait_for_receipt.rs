//! Waits for the receipt of a message.

use qchat_proto::{Code, Message, MessageId, Receipt, Stage};
use tokio::time::{sleep, timeout};

use super::Executor;
use crate::command::WaitOptions;
use crate::deadline::Deadline;
use crate::error::{CommandError, CommandResult};
use crate::outcome::Outcome;

impl Executor {
    /// Waits until the message has reached the stage that the line names, also over lost connections.
    pub(super) async fn wait_for(
        &mut self,
        message: Message,
        wait: WaitOptions,
    ) -> CommandResult<Outcome> {
        let deadline = wait.limit.map_or(self.options.time.deadline, Deadline::after);
        let reached = timeout(deadline.left(), self.reached(&message.id, wait.stage)).await;
        // The time may have ended in the middle of a sign-in.
        self.restore_cancelled();
        match reached {
            Ok(Ok(receipt)) => Ok(Outcome::Reached { message, receipt }),
            Ok(Err(failure)) => {
                let text = format!("sent {}, but: {}", message.id, failure.text);
                Err(CommandError { text, ..failure })
            }
            Err(_) => Err(too_late(wait.stage, &message.id, &deadline)),
        }
    }

    async fn reached(&mut self, message: &MessageId, stage: Stage) -> CommandResult<Receipt> {
        loop {
            match self.reached_on_this_connection(message, stage).await {
                Err(failure) if failure.code.is_connection_lost() || self.is_moving() => {}
                result => return result,
            }
            sleep(self.connection.next_pause()).await;
        }
    }

    async fn reached_on_this_connection(
        &mut self,
        message: &MessageId,
        stage: Stage,
    ) -> CommandResult<Receipt> {
        let client = self.connected().await?;
        let mut tracking = client.track(message.clone()).await?;
        Ok(tracking.reached(stage).await?)
    }
}

/// The error at the deadline. The message is stored in any case.
fn too_late(stage: Stage, message: &MessageId, deadline: &Deadline) -> CommandError {
    let (code, done) = match stage {
        Stage::Stored | Stage::Delivered => (Code::NotDelivered, "delivered"),
        Stage::Read => (Code::NotRead, "read"),
    };
    let text = format!("sent {message}, which was not {done} within {}", deadline.in_words());
    CommandError::refused(code, text)
}
