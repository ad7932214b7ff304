//! Groups and their members.

use qchat_proto::command::{
    GroupJoined, GroupLeft, GroupPage, Groups, Join, Leave, MakeGroup, Member, MemberPage, Members,
};
use qchat_proto::{Address, BoundedVec, GroupName};

use crate::auth::SignedIn;
use crate::clock;
use crate::connection::{CommandContext, Handler};
use crate::error::CommandResult;
use crate::limits::cost;
use crate::live::Topic;
use crate::state::ServerState;
use crate::store::changes::{CreateGroup, JoinGroup, LeaveGroup};

impl Handler for MakeGroup {
    type Caller = SignedIn;

    async fn run(
        self,
        caller: SignedIn,
        context: &mut CommandContext,
    ) -> CommandResult<GroupJoined> {
        let Self { id, group } = self;
        let (owner, at) = (caller.user, clock::now());
        context.state.store.commit(CreateGroup { id, group: group.clone(), owner, at }).await?;
        Ok(GroupJoined { group })
    }
}

impl Handler for Join {
    type Caller = SignedIn;

    fn tokens(&self, state: &ServerState) -> u32 {
        cost_of_notifying_members(&self.group, state)
    }

    async fn run(
        self,
        caller: SignedIn,
        context: &mut CommandContext,
    ) -> CommandResult<GroupJoined> {
        let (group, user, at) = (self.group, caller.user, clock::now());
        context.state.store.commit(JoinGroup { group: group.clone(), user, at }).await?;
        Ok(GroupJoined { group })
    }
}

impl Handler for Leave {
    type Caller = SignedIn;

    fn tokens(&self, state: &ServerState) -> u32 {
        cost_of_notifying_members(&self.group, state)
    }

    async fn run(self, caller: SignedIn, context: &mut CommandContext) -> CommandResult<GroupLeft> {
        let (group, user) = (self.group, caller.user);
        context.state.store.commit(LeaveGroup { group: group.clone(), user }).await?;
        Ok(GroupLeft { group })
    }
}

/// All watching members are notified of a join or a leave.
fn cost_of_notifying_members(group: &GroupName, state: &ServerState) -> u32 {
    1 + cost::of_watchers(state.notifier.followers(&Topic::Log(Address::Group(group.clone()))))
}

impl Handler for Groups {
    type Caller = SignedIn;

    async fn run(self, caller: SignedIn, context: &mut CommandContext) -> CommandResult<GroupPage> {
        let (groups, more) = context.state.store.groups(caller.user, self.after).await?;
        let next = groups.last().filter(|_| more).map(|group| group.name.clone());
        Ok(GroupPage { groups: BoundedVec::first_of(groups), next })
    }
}

impl Handler for Members {
    type Caller = SignedIn;

    async fn run(
        self,
        caller: SignedIn,
        context: &mut CommandContext,
    ) -> CommandResult<MemberPage> {
        let page = context.state.store.members(caller.user, self.group, self.after).await??;
        let next = page.members.last().filter(|_| page.more).cloned();
        let presence = &context.state.presence;
        let members = page.members.into_iter().map(|name| Member {
            online: presence.is_online(&name),
            owner: name == page.owner,
            name,
        });
        Ok(MemberPage { members: BoundedVec::first_of(members), next })
    }
}
