//! Following the receipts of a message.

use qchat_proto::command::Track;
use qchat_proto::{MessageId, Receipt, Stage};

use crate::client::Client;
use crate::connection::Call;
use crate::error::CallError;

/// A stream of the receipts of a message. Dropping it ends the tracking.
pub struct Tracking {
    call: Call<Track>,
}

impl Client {
    /// Follows the receipts of a message that the signed-in user has sent.
    ///
    /// # Errors
    /// [`CallError`].
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is tracked.
    pub async fn track(&self, message: MessageId) -> Result<Tracking, CallError> {
        Ok(Tracking { call: Call::ask(self.connection(), Track { message }).await? })
    }
}

impl Tracking {
    /// The current receipt, then each one that differs from the last, however long that takes. The one with
    /// [`Stage::Read`] is the last.
    ///
    /// # Errors
    /// [`CallError`]: the message is another user's, or the connection, the session or the server has ended.
    ///
    /// # Cancel safety
    /// Not cancel safe: half a receipt may be lost. Track anew after that.
    pub async fn next(&mut self) -> Result<Receipt, CallError> {
        self.call.event().await
    }

    /// The first receipt of this stage or a later one.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    ///
    /// # Cancel safety
    /// As [`next`](Self::next).
    pub async fn reached(&mut self, stage: Stage) -> Result<Receipt, CallError> {
        loop {
            let receipt = self.next().await?;
            if receipt.stage() >= stage {
                return Ok(receipt);
            }
        }
    }
}
