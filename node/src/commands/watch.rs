//! Following logs: catching up and living are one mechanism, a cursor on each log and a wake-up that
//! says that there is more.

use std::collections::HashMap;

use bytes::Bytes;
use qchat_proto::command::{Cursor, Done, Event, Log, Watch};
use qchat_proto::{Address, GroupName, Sequence};

use super::address;
use crate::auth::Signed;
use crate::connection::{Answer, Call, Work};
use crate::error::Failure;
use crate::live::{Raised, Topic, Watcher};
use crate::store::queries::Placed;

impl Answer for Watch {
    type Caller = Signed;

    const WORK: Work = Work::Lasting;

    async fn answer(self, caller: Signed, call: &mut Call) -> Result<Done, Failure> {
        let _share = call.node.watchings.take(&caller.user)?;
        let cursors = self.cursors.iter();
        let wanted =
            cursors.map(|cursor| (address(cursor.log.clone(), &caller.user), cursor.after));
        let mut following = Following {
            wanted: wanted.collect(),
            cursors: HashMap::new(),
            watcher: call.node.hub.watcher(),
            presence: call.node.presence.version(),
            members: call.node.memberships.version(),
            groups: None,
            caller,
            call,
        };
        following.catch_up().await?;
        following.live().await
    }
}

/// One stream of events.
struct Following<'call> {
    caller: Signed,
    call: &'call mut Call,
    watcher: Watcher,
    /// Where the client wants to go on, in logs that are not followed yet.
    wanted: HashMap<Address, Sequence>,
    /// The last place of each followed log that the client was told.
    cursors: HashMap<Address, Sequence>,
    /// The number of the last coming or going that the client was told.
    presence: u64,
    /// The number of the last join or leave that the client was told.
    members: u64,
    /// The number of the last join or leave before which the caller's groups were looked at.
    groups: Option<u64>,
}

impl Following<'_> {
    async fn catch_up(&mut self) -> Result<(), Failure> {
        self.follow(Address::User(self.caller.user.clone())).await?;
        self.follow_groups().await?;
        for log in self.cursors.keys().cloned().collect::<Vec<_>>() {
            self.tell_messages(&log).await?;
        }
        self.tell(&Event::CaughtUp).await
    }

    /// Tells what happens until the session, the server or the client's interest ends.
    async fn live(&mut self) -> Result<Done, Failure> {
        let ended = self.caller.ended.clone();
        let unwatched = self.call.answer.stopped();
        let mut unwatched = std::pin::pin!(unwatched);
        loop {
            tokio::select! {
                raised = self.watcher.woken() => self.tell_raised(raised).await?,
                () = ended.cancelled() => return Err(self.call.why_ended().into()),
                _ = &mut unwatched => return Ok(Done),
            }
        }
    }

    async fn tell_raised(&mut self, raised: Raised) -> Result<(), Failure> {
        if raised.presence {
            self.tell_presence().await?;
        }
        if raised.logs.contains(&Address::User(self.caller.user.clone())) {
            // Joining a group raises the mailbox's flag.
            self.follow_groups().await?;
        }
        for log in raised.logs {
            self.tell_messages(&log).await?;
        }
        // After the logs: nobody is told who joins a group that they have left.
        if raised.members {
            self.tell_members().await?;
        }
        Ok(())
    }

    /// Follows the groups that the caller has joined since the last look.
    async fn follow_groups(&mut self) -> Result<(), Failure> {
        let version = Some(self.call.node.memberships.version());
        if std::mem::replace(&mut self.groups, version) == version {
            return Ok(());
        }
        for group in self.call.node.store.groups_of(self.caller.user.clone()).await? {
            let log = Address::Group(group);
            if !self.cursors.contains_key(&log) {
                self.follow(log.clone()).await?;
            }
        }
        Ok(())
    }

    /// Follows a log: registers for wake-ups first, then looks where it ends.
    async fn follow(&mut self, log: Address) -> Result<(), Failure> {
        self.watcher.follow(Topic::Log(log.clone()));
        let end = self.call.node.store.last(log.clone()).await?;
        // A place beyond the end is that of another store.
        let after = self.wanted.remove(&log).map_or(end, |wanted| wanted.min(end));
        self.cursors.insert(log.clone(), after);
        let log = self.named(&log);
        self.tell(&Event::Following(Cursor { log, after })).await
    }

    /// Tells the messages of a log that the client was not told yet.
    async fn tell_messages(&mut self, log: &Address) -> Result<(), Failure> {
        while let Some(after) = self.cursors.get(log).copied() {
            let reader = self.caller.user.clone();
            let next = self.call.node.store.messages_after(reader, log.clone(), after).await?;
            self.call.pay_for_rows().await;
            match next {
                Ok(messages) if messages.is_empty() => break,
                Ok(messages) => {
                    for (place, frame) in self.frames(log, messages) {
                        self.call.tell_frame(frame, &self.caller.ended).await?;
                        self.cursors.insert(log.clone(), place);
                    }
                }
                Err(_) => self.lose(log).await?,
            }
        }
        Ok(())
    }

    /// All at once: what waits for a slow reader are bytes that others share.
    fn frames(&self, log: &Address, messages: Vec<Placed>) -> Vec<(Sequence, Bytes)> {
        let of_message = |(place, message)| {
            (place, self.call.node.frames.of_message(self.named(log), place, message))
        };
        messages.into_iter().map(of_message).collect()
    }

    /// Follows a log no more: the caller may not read it any longer.
    async fn lose(&mut self, log: &Address) -> Result<(), Failure> {
        self.watcher.unfollow(&Topic::Log(log.clone()));
        self.cursors.remove(log);
        match log {
            Address::Group(group) => self.tell(&Event::Left(group.clone())).await,
            Address::User(_) => Ok(()),
        }
    }

    async fn tell_presence(&mut self) -> Result<(), Failure> {
        let (changes, version) = self.call.node.presence.changes_since(self.presence);
        self.presence = version;
        for (user, online) in changes {
            if user != self.caller.user {
                self.tell(&Event::Presence { user, online }).await?;
            }
        }
        Ok(())
    }

    async fn tell_members(&mut self) -> Result<(), Failure> {
        let memberships = &self.call.node.memberships;
        let cursors = &self.cursors;
        let is_followed = |group: &GroupName| cursors.contains_key(&Address::Group(group.clone()));
        let (changes, version) =
            memberships.changes_since(self.members, &self.caller.user, is_followed);
        self.members = version;
        for ((group, user), is_member) in changes {
            self.tell(&Event::Membership { group, user, is_member }).await?;
        }
        Ok(())
    }

    /// The log as its reader names it.
    fn named(&self, log: &Address) -> Log {
        match log {
            Address::User(_) => Log::Inbox,
            Address::Group(group) => Log::Group(group.clone()),
        }
    }

    async fn tell(&mut self, event: &Event) -> Result<(), Failure> {
        self.call.tell(event, &self.caller.ended).await
    }
}
