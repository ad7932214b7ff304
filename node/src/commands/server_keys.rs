//! The server's keys, so that clients know the next one before it is used.

use qchat_proto::command::{Done, NextKey};

use crate::auth::SignedIn;
use crate::connection::{CommandContext, Handler, Scheduling};
use crate::error::CommandResult;

impl Handler for NextKey {
    type Caller = SignedIn;

    /// Each device of an account follows the keys for as long as it is connected.
    const SCHEDULING: Scheduling = Scheduling::Streaming;

    async fn run(self, caller: SignedIn, context: &mut CommandContext) -> CommandResult<Done> {
        let mut current_identity = context.state.current_identity.subscribe();
        let mut sent = None;
        loop {
            let keys =
                current_identity.borrow_and_update().map(|public_identity| public_identity.keys);
            if let Some(keys) = keys.filter(|keys| sent != Some(*keys)) {
                context.send_event(&keys, &caller.ended).await?;
                sent = Some(keys);
            }
            let ended = caller.ended.cancelled();
            let stopped = context.reply_stream.stopped();
            // `changed` fails only if the sender is gone, and the state keeps it.
            tokio::select! {
                _ = current_identity.changed() => {}
                () = ended => return Err(context.session_end_reason().into()),
                _ = stopped => return Ok(Done),
            }
        }
    }
}
