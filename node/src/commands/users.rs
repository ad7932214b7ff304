//! The list of users.

use qchat_proto::BoundedVec;
use qchat_proto::command::{User, UserPage, Users};

use crate::auth::SignedIn;
use crate::connection::{CommandContext, Handler};
use crate::error::CommandResult;

impl Handler for Users {
    type Caller = SignedIn;

    async fn run(self, caller: SignedIn, context: &mut CommandContext) -> CommandResult<UserPage> {
        let (names, more) = context.state.store.users(self.after).await?;
        let next = names.last().filter(|_| more).cloned();
        let others = names.into_iter().filter(|name| *name != caller.user);
        let presence = &context.state.presence;
        let users = others.map(|name| User { online: presence.is_online(&name), name });
        Ok(UserPage { users: BoundedVec::first_of(users), next })
    }
}
