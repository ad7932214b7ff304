//! A simple model of the store: collections in memory, without a disk.

mod queries;
mod rows;
mod sessions;
mod step;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use qchat_proto::{
    Address, Body, ClientId, File, GroupName, Message, MessageId, Refusal, Sequence, StoredName,
    Timestamp, UserName,
};

pub(in crate::store) use step::{Answer, Expected, Step, StepOutcome};

use crate::store::changes::{
    Content, CreateAccount, CreateGroup, ExpireFiles, JoinGroup, Mark, MarkMessages, Naming,
    PasswordOutcome, Post,
};
use crate::store::interface::WriterNumber;
use crate::store::queries::TokenHash;
use crate::store::schema::places::CHUNK;
use crate::store::schema::records::{AccountRecord, LogEntry, SessionRecord, StoredFileRecord};

/// Marked positions of logs, for each user.
type MarkedPositions = HashMap<(UserName, Address), BTreeSet<u64>>;

/// The state that a store should have.
#[derive(Debug, Clone, Default)]
pub(in crate::store) struct Model {
    pub(in crate::store) accounts: BTreeMap<UserName, AccountRecord>,
    pub(in crate::store) sessions: BTreeMap<TokenHash, SessionRecord>,
    pub(in crate::store) groups: BTreeMap<GroupName, ModelGroup>,
    pub(in crate::store) logs: HashMap<Address, Vec<LogEntry>>,
    /// The positions that a user has read.
    read: MarkedPositions,
    /// The positions that a device of the user has received.
    delivered: MarkedPositions,
    effects: HashMap<(UserName, ClientId), ModelEffect>,
    /// The server that makes the next changes.
    pub(in crate::store) writer: WriterNumber,
    /// The writer and the id of each message, in the order in which they were sent.
    sent: Vec<(WriterNumber, Address, Sequence)>,
    /// The bytes of a user's sent files that have not expired.
    usage: BTreeMap<UserName, u64>,
    pub(in crate::store) stored: BTreeMap<StoredName, StoredFileRecord>,
}

/// The effect of a repeatable command.
#[derive(Debug, Clone, PartialEq, Eq)]
enum ModelEffect {
    Account,
    Message(Address, Sequence),
    Group(GroupName),
    Password,
}

#[derive(Debug, Clone)]
pub(in crate::store) struct ModelGroup {
    owner: UserName,
    created: Timestamp,
    /// The time of joining of each member.
    pub(in crate::store) members: BTreeMap<UserName, Timestamp>,
}

impl Model {
    /// Makes a change, and returns its expected outcome.
    pub(in crate::store) fn apply(&mut self, step: &Step) -> Expected {
        match step {
            Step::CreateAccount(create) => {
                return self.create_account(create).map(StepOutcome::Password);
            }
            Step::StartSession(start) => {
                return Ok(StepOutcome::Password(self.start_session(start)));
            }
            Step::UseSession(used) => {
                let session = self.sessions.get_mut(&used.token_hash);
                session.into_iter().for_each(|session| session.used = used.at);
            }
            Step::EndSessions(end) => self.end_sessions(end)?,
            Step::SetPassword(change) => {
                return self.change_password(change).map(StepOutcome::Password);
            }
            Step::Post(post) => return self.post(post).map(StepOutcome::Message),
            Step::CreateGroup(create) => self.create_group(create)?,
            Step::JoinGroup(join) => self.join(join)?,
            Step::LeaveGroup(leave) => {
                self.check_member(&leave.group, &leave.user)?;
                let group = self.groups.get_mut(&leave.group).unwrap();
                group.members.remove(&leave.user);
            }
            Step::MarkMessages(mark) => self.mark(mark)?,
            Step::ExpireFiles(expire) => self.expire(expire),
        }
        Ok(StepOutcome::Nothing)
    }

    fn create_account(&mut self, create: &CreateAccount) -> Result<PasswordOutcome, Refusal> {
        let request = (create.user.clone(), create.id);
        match self.effects.get(&request) {
            Some(ModelEffect::Account) => return Ok(PasswordOutcome::CheckAgain),
            Some(_) => return Err(Refusal::IdReused),
            None if self.accounts.contains_key(&create.user) => {
                return Err(Refusal::UserExists(create.user.clone()));
            }
            None => {}
        }
        let account =
            AccountRecord { password_hash: create.password_hash.clone(), created: create.at };
        self.accounts.insert(create.user.clone(), account);
        self.effects.insert(request, ModelEffect::Account);
        Ok(PasswordOutcome::Done)
    }

    fn create_group(&mut self, create: &CreateGroup) -> Result<(), Refusal> {
        let request = (create.owner.clone(), create.id);
        match self.effects.get(&request) {
            Some(ModelEffect::Group(name)) if *name == create.group => return Ok(()),
            Some(_) => return Err(Refusal::IdReused),
            None if self.groups.contains_key(&create.group) => {
                return Err(Refusal::GroupExists(create.group.clone()));
            }
            None => {}
        }
        let members = BTreeMap::from([(create.owner.clone(), create.at)]);
        let group = ModelGroup { owner: create.owner.clone(), created: create.at, members };
        self.groups.insert(create.group.clone(), group);
        self.effects.insert(request, ModelEffect::Group(create.group.clone()));
        Ok(())
    }

    fn join(&mut self, join: &JoinGroup) -> Result<(), Refusal> {
        let (group, user) = (join.group.clone(), join.user.clone());
        match self.check_member(&group, &user) {
            Err(Refusal::NotAMember(_)) => {}
            already_or_refused => return already_or_refused,
        }
        let log = Address::Group(group.clone());
        let earlier = 1..=self.length(&log);
        self.groups.get_mut(&group).unwrap().members.insert(user.clone(), join.at);
        self.read.entry((user, log)).or_default().extend(earlier);
        Ok(())
    }

    fn post(&mut self, post: &Post) -> Result<Message, Refusal> {
        let request = (post.from.clone(), post.id);
        match self.effects.get(&request) {
            Some(ModelEffect::Message(log, sequence)) => {
                return self.repeated(post, log, *sequence);
            }
            Some(_) => return Err(Refusal::IdReused),
            None => {}
        }
        match &post.to {
            Address::Group(group) => self.check_member(group, &post.from)?,
            Address::User(user) if self.accounts.contains_key(user) => {}
            Address::User(user) => return Err(Refusal::UserNotFound(user.clone())),
        }
        let post = &self.with_free_name(post);
        if let Content::File { file, quota, .. } = &post.content {
            self.use_quota(&post.from, file, *quota)?;
        }
        let entry = self.append(post);
        self.effects.insert(request, ModelEffect::Message(post.to.clone(), entry.sequence));
        Ok(message(&entry))
    }

    fn with_free_name(&self, post: &Post) -> Post {
        let mut post = post.clone();
        if let Content::File { file, naming: Naming::NextFree, .. } = &mut post.content {
            while self.stored.contains_key(&file.name) {
                let next = Timestamp::from_milliseconds(file.name.at().milliseconds() + 1);
                file.name = StoredName::new(next, file.original.name());
            }
        }
        post
    }

    fn repeated(&self, post: &Post, log: &Address, sequence: Sequence) -> Result<Message, Refusal> {
        let entry = self.logs[log]
            .iter()
            .find(|entry| entry.sequence == sequence && entry.to == *log)
            .unwrap();
        let same = match (&post.content, &entry.body) {
            (Content::Text(text), Body::Text(earlier)) => text == earlier,
            (Content::File { file, .. }, Body::File(earlier)) => {
                (&file.original, &file.digest) == (&earlier.original, &earlier.digest)
            }
            _ => false,
        };
        match same && post.to == *log {
            true => Ok(message(entry)),
            false => Err(Refusal::IdReused),
        }
    }

    fn use_quota(
        &mut self,
        user: &UserName,
        file: &File,
        quota: Option<u64>,
    ) -> Result<(), Refusal> {
        let (size, used) = (file.size, self.usage(user));
        match quota {
            Some(quota) if used + size > quota => Err(Refusal::QuotaExceeded { size, used, quota }),
            _ => {
                self.usage.insert(user.clone(), used + size);
                let stored = StoredFileRecord { sender: user.clone(), size, expired: None };
                self.stored.insert(file.name.clone(), stored);
                Ok(())
            }
        }
    }

    fn append(&mut self, post: &Post) -> LogEntry {
        let entry = LogEntry {
            to: post.to.clone(),
            sequence: Sequence(self.length(&post.to) + 1),
            from: post.from.clone(),
            at: post.at,
            id: post.id,
            body: match &post.content {
                Content::Text(text) => Body::Text(text.clone()),
                Content::File { file, .. } => Body::File(file.clone()),
            },
        };
        self.sent.push((self.writer, post.to.clone(), entry.sequence));
        self.list(&post.to, &entry);
        let own = Address::User(post.from.clone());
        match &post.to {
            Address::Group(_) => {
                let marked = self.read.entry((post.from.clone(), post.to.clone())).or_default();
                marked.insert(entry.sequence.0);
            }
            // A note to oneself has no copy, and does not count as read.
            to if *to == own => {}
            Address::User(_) => self.list(&own, &entry),
        }
        entry
    }

    /// Lists a message in a log. Copies are marked as read when they leave the newest messages.
    fn list(&mut self, log: &Address, entry: &LogEntry) {
        let entries = self.logs.entry(log.clone()).or_default();
        entries.push(entry.clone());
        if let (0, Address::User(owner)) = (entries.len() % CHUNK, log) {
            let chunk = (1..).zip(entries.iter()).skip(entries.len() - CHUNK);
            let copies = chunk.filter(|(_, entry)| entry.to != *log);
            let copies: Vec<_> = copies.map(|(position, _)| position).collect();
            if !copies.is_empty() {
                self.read.entry((owner.clone(), log.clone())).or_default().extend(copies);
            }
        }
    }

    fn mark(&mut self, mark: &MarkMessages) -> Result<(), Refusal> {
        if let Address::Group(group) = &mark.log {
            self.check_member(group, &mark.user)?;
        }
        let length = self.length(&mark.log);
        let positions = match mark.mark {
            Mark::Read => &mut self.read,
            Mark::Delivered => &mut self.delivered,
        };
        let marked = positions.entry((mark.user.clone(), mark.log.clone())).or_default();
        for range in &mark.ranges {
            marked.extend(
                (1..=length).filter(|position| (range.first.0..=range.last.0).contains(position)),
            );
        }
        Ok(())
    }

    fn expire(&mut self, expire: &ExpireFiles) {
        for name in &expire.names {
            let Some(file) = self.stored.get_mut(name).filter(|file| file.expired.is_none()) else {
                continue;
            };
            file.expired = Some(expire.at);
            let used = self.usage.get_mut(&file.sender).unwrap();
            *used = used.saturating_sub(file.size);
        }
    }

    /// Checks existence before membership, as the store does.
    fn check_member(&self, group: &GroupName, user: &UserName) -> Result<(), Refusal> {
        match self.groups.get(group) {
            None => Err(Refusal::GroupNotFound(group.clone())),
            Some(found) if found.members.contains_key(user) => Ok(()),
            Some(_) => Err(Refusal::NotAMember(group.clone())),
        }
    }

    fn usage(&self, user: &UserName) -> u64 {
        self.usage.get(user).copied().unwrap_or_default()
    }

    /// The number of messages in a log.
    pub(in crate::store) fn length(&self, log: &Address) -> u64 {
        u64::try_from(self.logs.get(log).map_or(0, Vec::len)).unwrap()
    }
}

/// The message in the form that its sender sees.
fn message(entry: &LogEntry) -> Message {
    Message {
        id: MessageId { log: entry.to.clone(), sequence: entry.sequence },
        from: entry.from.clone(),
        at: entry.at,
        body: entry.body.clone(),
        unread: false,
    }
}
