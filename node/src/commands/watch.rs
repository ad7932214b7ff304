//! Following logs: catching up and living are one mechanism, a cursor on each log and a wake-up that
//! says that there is more.

use std::collections::HashMap;

use bytes::Bytes;
use qchat_proto::command::{Cursor, Done, Event, Log, Watch};
use qchat_proto::{Address, GroupName, Sequence};

use super::address;
use crate::auth::SignedIn;
use crate::connection::{CommandContext, Handler, Scheduling};
use crate::error::CommandError;
use crate::live::{Pending, Topic, Watcher};
use crate::store::queries::PositionedMessage;

impl Handler for Watch {
    type Caller = SignedIn;

    const SCHEDULING: Scheduling = Scheduling::Streaming;

    async fn run(
        self,
        caller: SignedIn,
        context: &mut CommandContext,
    ) -> Result<Done, CommandError> {
        let _share = context.state.watchings.take(&caller.user)?;
        let cursors = self.cursors.iter();
        let wanted =
            cursors.map(|cursor| (address(cursor.log.clone(), &caller.user), cursor.after));
        let mut following = Watching {
            wanted: wanted.collect(),
            cursors: HashMap::new(),
            watcher: context.state.notifier.watcher(),
            presence: context.state.presence.version(),
            members: context.state.memberships.version(),
            groups: None,
            caller,
            context,
        };
        following.catch_up().await?;
        following.live().await
    }
}

/// One stream of events.
struct Watching<'context> {
    caller: SignedIn,
    context: &'context mut CommandContext,
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

impl Watching<'_> {
    async fn catch_up(&mut self) -> Result<(), CommandError> {
        self.follow(Address::User(self.caller.user.clone())).await?;
        self.follow_groups().await?;
        for log in self.cursors.keys().cloned().collect::<Vec<_>>() {
            self.tell_messages(&log).await?;
        }
        self.tell(&Event::CaughtUp).await
    }

    /// Tells what happens until the session, the server or the client's interest ends.
    async fn live(&mut self) -> Result<Done, CommandError> {
        let ended = self.caller.ended.clone();
        let unwatched = self.context.reply_stream.stopped();
        let mut unwatched = std::pin::pin!(unwatched);
        loop {
            tokio::select! {
                pending = self.watcher.woken() => self.tell_pending(pending).await?,
                () = ended.cancelled() => return Err(self.context.session_end_reason().into()),
                _ = &mut unwatched => return Ok(Done),
            }
        }
    }

    async fn tell_pending(&mut self, pending: Pending) -> Result<(), CommandError> {
        if pending.presence {
            self.tell_presence().await?;
        }
        if pending.logs.contains(&Address::User(self.caller.user.clone())) {
            // Joining a group raises the mailbox's flag.
            self.follow_groups().await?;
        }
        for log in pending.logs {
            self.tell_messages(&log).await?;
        }
        // After the logs: nobody is told who joins a group that they have left.
        if pending.members {
            self.tell_members().await?;
        }
        Ok(())
    }

    /// Follows the groups that the caller has joined since the last look.
    async fn follow_groups(&mut self) -> Result<(), CommandError> {
        let version = Some(self.context.state.memberships.version());
        if std::mem::replace(&mut self.groups, version) == version {
            return Ok(());
        }
        for group in self.context.state.store.groups_of(self.caller.user.clone()).await? {
            let log = Address::Group(group);
            if !self.cursors.contains_key(&log) {
                self.follow(log.clone()).await?;
            }
        }
        Ok(())
    }

    /// Follows a log: registers for wake-ups first, then looks where it ends.
    async fn follow(&mut self, log: Address) -> Result<(), CommandError> {
        self.watcher.follow(Topic::Log(log.clone()));
        let end = self.context.state.store.last(log.clone()).await?;
        // A place beyond the end is that of another store.
        let after = self.wanted.remove(&log).map_or(end, |wanted| wanted.min(end));
        self.cursors.insert(log.clone(), after);
        let log = self.named(&log);
        self.tell(&Event::Following(Cursor { log, after })).await
    }

    /// Tells the messages of a log that the client was not told yet.
    async fn tell_messages(&mut self, log: &Address) -> Result<(), CommandError> {
        while let Some(after) = self.cursors.get(log).copied() {
            let reader = self.caller.user.clone();
            let next = self.context.state.store.messages_after(reader, log.clone(), after).await?;
            self.context.charge_for_rows().await;
            match next {
                Ok(messages) if messages.is_empty() => break,
                Ok(messages) => {
                    for (place, frame) in self.frames(log, messages) {
                        self.context.send_event_frame(frame, &self.caller.ended).await?;
                        self.cursors.insert(log.clone(), place);
                    }
                }
                Err(_) => self.lose(log).await?,
            }
        }
        Ok(())
    }

    /// All at once: what waits for a slow reader are bytes that others share.
    fn frames(&self, log: &Address, messages: Vec<PositionedMessage>) -> Vec<(Sequence, Bytes)> {
        let of_message = |(place, message)| {
            (place, self.context.state.event_cache.of_message(self.named(log), place, message))
        };
        messages.into_iter().map(of_message).collect()
    }

    /// Follows a log no more: the caller may not read it any longer.
    async fn lose(&mut self, log: &Address) -> Result<(), CommandError> {
        self.watcher.unfollow(&Topic::Log(log.clone()));
        self.cursors.remove(log);
        match log {
            Address::Group(group) => self.tell(&Event::Left(group.clone())).await,
            Address::User(_) => Ok(()),
        }
    }

    async fn tell_presence(&mut self) -> Result<(), CommandError> {
        let (changes, version) = self.context.state.presence.changes_since(self.presence);
        self.presence = version;
        for (user, online) in changes {
            if user != self.caller.user {
                self.tell(&Event::Presence { user, online }).await?;
            }
        }
        Ok(())
    }

    async fn tell_members(&mut self) -> Result<(), CommandError> {
        let memberships = &self.context.state.memberships;
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

    async fn tell(&mut self, event: &Event) -> Result<(), CommandError> {
        self.context.send_event(event, &self.caller.ended).await
    }
}
