//! Telling which keys the server has, so that clients are prepared for the next one.

use qchat_proto::command::{Done, NextKey};

use crate::auth::Signed;
use crate::connection::{Answer, Call, Work};
use crate::error::Failure;

impl Answer for NextKey {
    type Caller = Signed;

    /// Each device of an account follows the keys for as long as it is there.
    const WORK: Work = Work::Lasting;

    async fn answer(self, caller: Signed, call: &mut Call) -> Result<Done, Failure> {
        let mut shown = call.node.shown.follow();
        let mut told = None;
        loop {
            let keys = shown.borrow_and_update().map(|identification| identification.keys);
            if let Some(keys) = keys.filter(|keys| told != Some(*keys)) {
                call.tell(&keys, &caller.ended).await?;
                told = Some(keys);
            }
            let ended = caller.ended.cancelled();
            let unwatched = call.answer.stopped();
            // The node keeps the other end of `shown`, so that this does not fail.
            tokio::select! {
                _ = shown.changed() => {}
                () = ended => return Err(call.why_ended().into()),
                _ = unwatched => return Ok(Done),
            }
        }
    }
}
