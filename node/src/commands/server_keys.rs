//! Telling which keys the server has, so that clients are prepared for the next one.

use qchat_proto::command::{Done, NextKey};

use crate::auth::SignedIn;
use crate::connection::{CommandContext, Handler, Scheduling};
use crate::error::CommandError;

impl Handler for NextKey {
    type Caller = SignedIn;

    /// Each device of an account follows the keys for as long as it is there.
    const SCHEDULING: Scheduling = Scheduling::Streaming;

    async fn run(
        self,
        caller: SignedIn,
        context: &mut CommandContext,
    ) -> Result<Done, CommandError> {
        let mut current_identity = context.state.current_identity.follow();
        let mut told = None;
        loop {
            let keys =
                current_identity.borrow_and_update().map(|identification| identification.keys);
            if let Some(keys) = keys.filter(|keys| told != Some(*keys)) {
                context.send_event(&keys, &caller.ended).await?;
                told = Some(keys);
            }
            let ended = caller.ended.cancelled();
            let unwatched = context.reply_stream.stopped();
            // The node keeps the other end of `current_identity`, so that this does not fail.
            tokio::select! {
                _ = current_identity.changed() => {}
                () = ended => return Err(context.session_end_reason().into()),
                _ = unwatched => return Ok(Done),
            }
        }
    }
}
