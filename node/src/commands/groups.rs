//! Groups and their members.

use qchat_proto::command::{
    GroupJoined, GroupLeft, GroupPage, Groups, Join, Leave, MakeGroup, Member, MemberPage, Members,
};
use qchat_proto::{Address, Few, GroupName};

use crate::auth::Signed;
use crate::clock;
use crate::connection::{Answer, Call};
use crate::error::Failure;
use crate::limits::rate_limit;
use crate::live::Topic;
use crate::state::Node;
use crate::store::changes::{CreateGroup, JoinGroup, LeaveGroup};

impl Answer for MakeGroup {
    type Caller = Signed;

    async fn answer(self, caller: Signed, call: &mut Call) -> Result<GroupJoined, Failure> {
        let Self { id, group } = self;
        let (owner, at) = (caller.user, clock::now());
        call.node.store.commit(CreateGroup { id, group: group.clone(), owner, at }).await?;
        Ok(GroupJoined { group })
    }
}

impl Answer for Join {
    type Caller = Signed;

    fn tokens(&self, node: &Node) -> u32 {
        of_telling_members(&self.group, node)
    }

    async fn answer(self, caller: Signed, call: &mut Call) -> Result<GroupJoined, Failure> {
        let (group, user, at) = (self.group, caller.user, clock::now());
        call.node.store.commit(JoinGroup { group: group.clone(), user, at }).await?;
        Ok(GroupJoined { group })
    }
}

impl Answer for Leave {
    type Caller = Signed;

    fn tokens(&self, node: &Node) -> u32 {
        of_telling_members(&self.group, node)
    }

    async fn answer(self, caller: Signed, call: &mut Call) -> Result<GroupLeft, Failure> {
        let (group, user) = (self.group, caller.user);
        call.node.store.commit(LeaveGroup { group: group.clone(), user }).await?;
        Ok(GroupLeft { group })
    }
}

/// All members who watch are told who joins and leaves.
fn of_telling_members(group: &GroupName, node: &Node) -> u32 {
    1 + rate_limit::of_telling(node.hub.followers(&Topic::Log(Address::Group(group.clone()))))
}

impl Answer for Groups {
    type Caller = Signed;

    async fn answer(self, caller: Signed, call: &mut Call) -> Result<GroupPage, Failure> {
        let (groups, more) = call.node.store.groups(caller.user, self.after).await?;
        let next = groups.last().filter(|_| more).map(|group| group.name.clone());
        Ok(GroupPage { groups: Few::first_of(groups), next })
    }
}

impl Answer for Members {
    type Caller = Signed;

    async fn answer(self, caller: Signed, call: &mut Call) -> Result<MemberPage, Failure> {
        let page = call.node.store.members(caller.user, self.group, self.after).await??;
        let next = page.members.last().filter(|_| page.more).cloned();
        let presence = &call.node.presence;
        let members = page.members.into_iter().map(|name| Member {
            online: presence.is_online(&name),
            owner: name == page.owner,
            name,
        });
        Ok(MemberPage { members: Few::first_of(members), next })
    }
}
