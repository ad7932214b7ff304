//! Texts, history and receipts.

use qchat_proto::command::{
    Done, History, HistoryPage, Log, MarkDelivered, MarkRead, SendText, SequenceRange,
};
use qchat_proto::limits::READ_RANGES_MAX;
use qchat_proto::{Address, BoundedVec, Message, UserName};

use super::address;
use crate::auth::SignedIn;
use crate::clock;
use crate::connection::{CommandContext, Handler};
use crate::error::CommandResult;
use crate::limits::cost;
use crate::live::Topic;
use crate::state::ServerState;
use crate::store::changes::{Content, Mark, MarkMessages, Post};
use crate::store::queries::HistoryQuery;

/// The messages to mark.
type Ranges = BoundedVec<SequenceRange, READ_RANGES_MAX>;

impl Handler for SendText {
    type Caller = SignedIn;

    fn tokens(&self, state: &ServerState) -> u32 {
        let watchers = state.notifier.followers(&Topic::Log(self.to.clone()));
        1 + cost::of_text(self.text.as_str().len()) + cost::of_watchers(watchers)
    }

    async fn run(self, caller: SignedIn, context: &mut CommandContext) -> CommandResult<Message> {
        let Self { id, to, text } = self;
        let content = Content::Text(text);
        // Files yield to chat at the disk: this text is about to be synced.
        context.state.file_store.disk_priority.note_chat();
        let post = Post { id, from: caller.user, to, at: clock::now(), content };
        Ok(context.state.store.commit(post).await?)
    }
}

impl Handler for History {
    type Caller = SignedIn;

    async fn run(
        self,
        caller: SignedIn,
        context: &mut CommandContext,
    ) -> CommandResult<HistoryPage> {
        let query = HistoryQuery {
            log: address(self.log, &caller.user),
            reader: caller.user,
            selection: self.selection,
            from: self.from,
            before: self.before,
            page: self.page,
        };
        Ok(context.state.store.history(query).await??)
    }
}

impl Handler for MarkRead {
    type Caller = SignedIn;

    fn tokens(&self, state: &ServerState) -> u32 {
        cost_of_marking(&self.log, state)
    }

    async fn run(self, caller: SignedIn, context: &mut CommandContext) -> CommandResult<Done> {
        mark(Mark::Read, self.log, self.ranges, caller.user, context).await
    }
}

impl Handler for MarkDelivered {
    type Caller = SignedIn;

    fn tokens(&self, state: &ServerState) -> u32 {
        cost_of_marking(&self.log, state)
    }

    async fn run(self, caller: SignedIn, context: &mut CommandContext) -> CommandResult<Done> {
        mark(Mark::Delivered, self.log, self.ranges, caller.user, context).await
    }
}

/// Each client that tracks a message of a group is woken by any mark in the group.
fn cost_of_marking(log: &Log, state: &ServerState) -> u32 {
    let Log::Group(group) = log else { return 1 };
    1 + cost::of_watchers(state.notifier.followers(&Topic::Marks(Address::Group(group.clone()))))
}

async fn mark(
    mark: Mark,
    log: Log,
    ranges: Ranges,
    user: UserName,
    context: &CommandContext,
) -> CommandResult<Done> {
    let log = address(log, &user);
    let ranges = ranges.into_vec();
    context.state.store.commit(MarkMessages { mark, user, log, ranges }).await?;
    Ok(Done)
}
