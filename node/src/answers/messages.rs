//! Sending texts and reading logs.

use qchat_proto::command::{
    Done, History, HistoryPage, Log, MarkDelivered, MarkRead, SendText, SequenceRange,
};
use qchat_proto::limits::READ_RANGES_MAX;
use qchat_proto::{Few, Message, UserName};

use super::address;
use crate::clock;
use crate::dispatch::{Answer, Call};
use crate::failure::Failure;
use crate::session::Signed;
use crate::store::changes::{Content, Mark, MarkMessages, Post};
use crate::store::queries::HistoryQuery;

/// Which messages are marked.
type Ranges = Few<SequenceRange, READ_RANGES_MAX>;

impl Answer for SendText {
    type Caller = Signed;

    async fn answer(self, caller: Signed, call: &mut Call) -> Result<Message, Failure> {
        let Self { id, to, text } = self;
        let content = Content::Text(text);
        let post = Post { id, from: caller.user, to, at: clock::now(), content };
        Ok(call.node.store.commit(post).await?)
    }
}

impl Answer for History {
    type Caller = Signed;

    async fn answer(self, caller: Signed, call: &mut Call) -> Result<HistoryPage, Failure> {
        let query = HistoryQuery {
            log: address(self.log, &caller.user),
            reader: caller.user,
            selection: self.selection,
            from: self.from,
            before: self.before,
            page: self.page,
        };
        Ok(call.node.store.history(query).await??)
    }
}

impl Answer for MarkRead {
    type Caller = Signed;

    async fn answer(self, caller: Signed, call: &mut Call) -> Result<Done, Failure> {
        mark(Mark::Read, self.log, self.ranges, caller.user, call).await
    }
}

impl Answer for MarkDelivered {
    type Caller = Signed;

    async fn answer(self, caller: Signed, call: &mut Call) -> Result<Done, Failure> {
        mark(Mark::Delivered, self.log, self.ranges, caller.user, call).await
    }
}

async fn mark(
    mark: Mark,
    log: Log,
    ranges: Ranges,
    user: UserName,
    call: &Call,
) -> Result<Done, Failure> {
    let log = address(log, &user);
    let ranges = ranges.into_vec();
    call.node.store.commit(MarkMessages { mark, user, log, ranges }).await?;
    Ok(Done)
}
