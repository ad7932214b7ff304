//! Sending texts and reading logs.

use qchat_proto::command::{
    Done, History, HistoryPage, Log, MarkDelivered, MarkRead, SendText, SequenceRange,
};
use qchat_proto::limits::READ_RANGES_MAX;
use qchat_proto::{Address, Few, Message, UserName};

use super::address;
use crate::auth::Signed;
use crate::clock;
use crate::connection::{Answer, Call};
use crate::error::Failure;
use crate::limits::rate_limit;
use crate::live::Topic;
use crate::state::Node;
use crate::store::changes::{Content, Mark, MarkMessages, Post};
use crate::store::queries::HistoryQuery;

/// Which messages are marked.
type Ranges = Few<SequenceRange, READ_RANGES_MAX>;

impl Answer for SendText {
    type Caller = Signed;

    fn tokens(&self, node: &Node) -> u32 {
        let told = node.hub.followers(&Topic::Log(self.to.clone()));
        1 + rate_limit::of_text(self.text.as_str().len()) + rate_limit::of_telling(told)
    }

    async fn answer(self, caller: Signed, call: &mut Call) -> Result<Message, Failure> {
        let Self { id, to, text } = self;
        let content = Content::Text(text);
        // What was said is about to be synced.
        call.node.uploads.lane.talk(&caller.user);
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

    fn tokens(&self, node: &Node) -> u32 {
        of_marking(&self.log, node)
    }

    async fn answer(self, caller: Signed, call: &mut Call) -> Result<Done, Failure> {
        mark(Mark::Read, self.log, self.ranges, caller.user, call).await
    }
}

impl Answer for MarkDelivered {
    type Caller = Signed;

    fn tokens(&self, node: &Node) -> u32 {
        of_marking(&self.log, node)
    }

    async fn answer(self, caller: Signed, call: &mut Call) -> Result<Done, Failure> {
        mark(Mark::Delivered, self.log, self.ranges, caller.user, call).await
    }
}

/// Who tracks a message of a group looks again whenever anybody marks one.
fn of_marking(log: &Log, node: &Node) -> u32 {
    let Log::Group(group) = log else { return 1 };
    1 + rate_limit::of_telling(node.hub.followers(&Topic::Marks(Address::Group(group.clone()))))
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
