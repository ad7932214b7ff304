//! Tracks the delivery of a message.

use qchat_proto::Stage;
use qchat_proto::command::{Done, Track};

use crate::auth::SignedIn;
use crate::connection::{CommandContext, Handler, Scheduling};
use crate::error::CommandResult;
use crate::live::Topic;

impl Handler for Track {
    type Caller = SignedIn;

    const SCHEDULING: Scheduling = Scheduling::Streaming;

    async fn run(self, caller: SignedIn, context: &mut CommandContext) -> CommandResult<Done> {
        let _permit = context.state.trackings.take(&caller.user)?;
        let mut watcher = context.state.notifier.watcher();
        watcher.follow(Topic::Marks(self.message.log.clone()));
        let mut sent = None;
        loop {
            let (sender, message) = (caller.user.clone(), self.message.clone());
            let receipt = context.state.store.receipt(sender, message).await??;
            context.charge_for_rows().await;
            if sent != Some(receipt) {
                context.send_event(&receipt, &caller.ended).await?;
                sent = Some(receipt);
            }
            if receipt.stage() == Stage::Read {
                return Ok(Done);
            }
            let ended = caller.ended.cancelled();
            let stopped = context.reply_stream.stopped();
            tokio::select! {
                () = watcher.woken_for_marks() => {}
                () = ended => return Err(context.session_end_reason().into()),
                _ = stopped => return Ok(Done),
            }
        }
    }
}
