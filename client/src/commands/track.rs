//! Following what becomes of a message.

use qchat_proto::command::Track;
use qchat_proto::{MessageId, Receipt, Stage};

use crate::client::Client;
use crate::connection::Call;
use crate::error::CallError;

/// What becomes of a message. Dropping it ends the tracking.
pub struct Tracking {
    call: Call<Track>,
}

impl Client {
    /// Follows what becomes of a message that who is signed in has sent.
    ///
    /// # Errors
    /// [`CallError`].
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is tracked.
    pub async fn track(&self, message: MessageId) -> Result<Tracking, CallError> {
        Ok(Tracking { call: Call::ask(&self.link, Track { message }).await? })
    }
}

impl Tracking {
    /// The receipt as things are, then each that is different, however long that takes. After one whose
    /// stage is [`Stage::Read`] no more come.
    ///
    /// # Errors
    /// [`CallError`]: the message is not one's own, or the link, the session or the server has ended.
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
