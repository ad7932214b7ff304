//! Watching logs. Catching up and live delivery are one mechanism: a cursor on each log, and a notification
//! that there is more.

use std::collections::HashMap;

use bytes::Bytes;
use qchat_proto::command::{Cursor, Done, Event, Log, Watch};
use qchat_proto::{Address, GroupName, Sequence};

use super::address;
use crate::auth::SignedIn;
use crate::connection::{CommandContext, Handler, Scheduling};
use crate::error::CommandResult;
use crate::live::{Pending, Topic, Watcher};
use crate::store::queries::PositionedMessage;

impl Handler for Watch {
    type Caller = SignedIn;

    const SCHEDULING: Scheduling = Scheduling::Streaming;

    async fn run(self, caller: SignedIn, context: &mut CommandContext) -> CommandResult<Done> {
        let _permit = context.state.watchings.take(&caller.user)?;
        let cursors = self.cursors.iter();
        let wanted =
            cursors.map(|cursor| (address(cursor.log.clone(), &caller.user), cursor.after));
        let mut following = EventStream {
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
struct EventStream<'context> {
    caller: SignedIn,
    context: &'context mut CommandContext,
    watcher: Watcher,
    /// The client's cursors in logs that are not followed yet.
    wanted: HashMap<Address, Sequence>,
    /// The position in each followed log up to which the client has the messages.
    cursors: HashMap<Address, Sequence>,
    /// The version of the presence that the client knows.
    presence: u64,
    /// The version of the memberships that the client knows.
    members: u64,
    /// The version of the memberships at which the caller's groups were read.
    groups: Option<u64>,
}

impl EventStream<'_> {
    async fn catch_up(&mut self) -> CommandResult<()> {
        self.follow(Address::User(self.caller.user.clone())).await?;
        self.follow_groups().await?;
        for log in self.cursors.keys().cloned().collect::<Vec<_>>() {
            self.send_messages(&log).await?;
        }
        self.send(&Event::CaughtUp).await
    }

    /// Sends events until the session or the server ends, or the client stops reading.
    async fn live(&mut self) -> CommandResult<Done> {
        let ended = self.caller.ended.clone();
        let stopped = self.context.reply_stream.stopped();
        let mut stopped = std::pin::pin!(stopped);
        loop {
            tokio::select! {
                pending = self.watcher.woken() => self.send_pending(pending).await?,
                () = ended.cancelled() => return Err(self.context.session_end_reason().into()),
                _ = &mut stopped => return Ok(Done),
            }
        }
    }

    async fn send_pending(&mut self, pending: Pending) -> CommandResult<()> {
        if pending.presence {
            self.send_presence().await?;
        }
        if pending.logs.contains(&Address::User(self.caller.user.clone())) {
            // Joining a group notifies the user's mailbox.
            self.follow_groups().await?;
        }
        for log in pending.logs {
            self.send_messages(&log).await?;
        }
        // After the logs: a client that has left a group gets no more of its members.
        if pending.members {
            self.send_members().await?;
        }
        Ok(())
    }

    /// Follows the groups that the caller has joined since the last call.
    async fn follow_groups(&mut self) -> CommandResult<()> {
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

    /// Follows a log. The watcher is registered before the log's end is read, so no message is missed.
    async fn follow(&mut self, log: Address) -> CommandResult<()> {
        self.watcher.follow(Topic::Log(log.clone()));
        let end = self.context.state.store.last(log.clone()).await?;
        // A position beyond the end is from an earlier store.
        let after = self.wanted.remove(&log).map_or(end, |wanted| wanted.min(end));
        self.cursors.insert(log.clone(), after);
        let log = self.log_of(&log);
        self.send(&Event::Following(Cursor { log, after })).await
    }

    /// Sends the messages of a log that the client does not have yet.
    async fn send_messages(&mut self, log: &Address) -> CommandResult<()> {
        while let Some(after) = self.cursors.get(log).copied() {
            let reader = self.caller.user.clone();
            let next = self.context.state.store.messages_after(reader, log.clone(), after).await?;
            self.context.charge_for_rows().await;
            match next {
                Ok(messages) if messages.is_empty() => break,
                Ok(messages) => {
                    for (position, frame) in self.frames(log, messages) {
                        self.context.send_event_frame(frame, &self.caller.ended).await?;
                        self.cursors.insert(log.clone(), position);
                    }
                }
                Err(_) => self.unfollow(log).await?,
            }
        }
        Ok(())
    }

    /// Encodes all messages at once: the bytes that wait for a slow reader are shared with other connections.
    fn frames(&self, log: &Address, messages: Vec<PositionedMessage>) -> Vec<(Sequence, Bytes)> {
        let message_frame = |(position, message)| {
            (
                position,
                self.context.state.event_cache.message_frame(self.log_of(log), position, message),
            )
        };
        messages.into_iter().map(message_frame).collect()
    }

    /// Stops following a log that the caller may not read any longer.
    async fn unfollow(&mut self, log: &Address) -> CommandResult<()> {
        self.watcher.unfollow(&Topic::Log(log.clone()));
        self.cursors.remove(log);
        match log {
            Address::Group(group) => self.send(&Event::Left(group.clone())).await,
            Address::User(_) => Ok(()),
        }
    }

    async fn send_presence(&mut self) -> CommandResult<()> {
        let (changes, version) = self.context.state.presence.changes_since(self.presence);
        self.presence = version;
        for (user, online) in changes {
            if user != self.caller.user {
                self.send(&Event::Presence { user, online }).await?;
            }
        }
        Ok(())
    }

    async fn send_members(&mut self) -> CommandResult<()> {
        let memberships = &self.context.state.memberships;
        let cursors = &self.cursors;
        let is_followed = |group: &GroupName| cursors.contains_key(&Address::Group(group.clone()));
        let (changes, version) =
            memberships.changes_since(self.members, &self.caller.user, is_followed);
        self.members = version;
        for ((group, user), is_member) in changes {
            self.send(&Event::Membership { group, user, is_member }).await?;
        }
        Ok(())
    }

    /// The log, as its reader names it.
    fn log_of(&self, log: &Address) -> Log {
        match log {
            Address::User(_) => Log::Inbox,
            Address::Group(group) => Log::Group(group.clone()),
        }
    }

    async fn send(&mut self, event: &Event) -> CommandResult<()> {
        self.context.send_event(event, &self.caller.ended).await
    }
}
