//! Following what becomes of a message.

use qchat_proto::Stage;
use qchat_proto::command::{Done, Track};

use crate::auth::Signed;
use crate::connection::{Answer, Call, Work};
use crate::error::Failure;
use crate::live::Topic;

impl Answer for Track {
    type Caller = Signed;

    const WORK: Work = Work::Lasting;

    async fn answer(self, caller: Signed, call: &mut Call) -> Result<Done, Failure> {
        let _share = call.node.trackings.take(&caller.user)?;
        let mut watcher = call.node.hub.watcher();
        watcher.follow(Topic::Marks(self.message.log.clone()));
        let mut told = None;
        loop {
            let (sender, message) = (caller.user.clone(), self.message.clone());
            let receipt = call.node.store.receipt(sender, message).await??;
            call.pay_for_rows().await;
            if told != Some(receipt) {
                call.tell(&receipt, &caller.ended).await?;
                told = Some(receipt);
            }
            if receipt.stage() == Stage::Read {
                return Ok(Done);
            }
            let ended = caller.ended.cancelled();
            let unwatched = call.answer.stopped();
            tokio::select! {
                () = watcher.woken_for_marks() => {}
                () = ended => return Err(call.why_ended().into()),
                _ = unwatched => return Ok(Done),
            }
        }
    }
}
