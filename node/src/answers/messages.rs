//! Sending texts and reading logs.

use qchat_proto::Message;
use qchat_proto::command::{Done, History, HistoryPage, MarkRead, SendText};

use super::address;
use crate::clock;
use crate::dispatch::{Answer, Call};
use crate::failure::Failure;
use crate::session::Signed;
use crate::store::changes::{Content, MarkAsRead, Post};
use crate::store::queries::HistoryQuery;

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
        let log = address(self.log, &caller.user);
        let change = MarkAsRead { user: caller.user, log, ranges: self.ranges.into_vec() };
        call.node.store.commit(change).await?;
        Ok(Done)
    }
}
