//! Who else is here.

use qchat_proto::Few;
use qchat_proto::command::{User, UserPage, Users};

use crate::auth::Signed;
use crate::connection::{Answer, Call};
use crate::error::Failure;

impl Answer for Users {
    type Caller = Signed;

    async fn answer(self, caller: Signed, call: &mut Call) -> Result<UserPage, Failure> {
        let (names, more) = call.node.store.users(self.after).await?;
        let next = names.last().filter(|_| more).cloned();
        let others = names.into_iter().filter(|name| *name != caller.user);
        let presence = &call.node.presence;
        let users = others.map(|name| User { online: presence.is_online(&name), name });
        Ok(UserPage { users: Few::first_of(users), next })
    }
}
