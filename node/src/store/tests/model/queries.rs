//! The expected answers to the queries of the store, and the comparison.

use std::collections::BTreeMap;

use qchat_proto::command::{self, FileMark, FileQuery, Selection};
use qchat_proto::{
    Address, Body, BoundedVec, File, FolderPath, GroupName, Message, MessageId, Receipt, Refusal,
    Sequence, UserName,
};

use super::{MarkedPositions, Model, ModelEffect, message};
use crate::store::Store;
#[cfg(feature = "cluster")]
use crate::store::queries::UploadStatus;
use crate::store::queries::{FileStatus, HistoryQuery, PositionedMessage, SentFile, SessionRow};
use crate::store::schema::records::{LogEntry, SessionRecord};

impl Model {
    /// Runs every query whose answer this model knows.
    pub(in crate::store) async fn check_queries(&self, store: &Store) {
        let users: Vec<UserName> = self.accounts.keys().cloned().collect();
        assert_eq!(store.users(None).await.unwrap(), (users.clone(), false));
        for (token_hash, session) in &self.sessions {
            let found = store.session(*token_hash).await.unwrap();
            let SessionRecord { user, created, used } = session.clone();
            let row = SessionRow { token_hash: *token_hash, created, used };
            assert_eq!(found, Some((user, row)));
        }
        assert_eq!(store.session([0xff; 32]).await.unwrap(), None);
        for user in &users {
            self.check_user(store, user).await;
            self.check_log(store, user, Address::User(user.clone())).await;
            for group in self.groups.keys() {
                self.check_members(store, user, group).await;
                self.check_log(store, user, Address::Group(group.clone())).await;
            }
        }
        self.check_uploads(store).await;
        let names: Vec<_> = self.stored.keys().cloned().collect();
        let kept = self.stored.values().map(|file| match file.expired {
            None => FileStatus::Kept,
            Some(_) => FileStatus::Expired,
        });
        assert_eq!(store.file_statuses(names).await.unwrap(), kept.collect::<Vec<_>>());
    }

    async fn check_user(&self, store: &Store, user: &UserName) {
        let hash = store.password_hash(user.clone()).await.unwrap();
        assert_eq!(hash.as_ref(), Some(&self.accounts[user].password_hash));
        let sessions = self.sessions.iter().filter(|(_, session)| session.user == *user);
        let sessions = sessions.map(|(&token_hash, session)| {
            let SessionRecord { created, used, .. } = *session;
            SessionRow { token_hash, created, used }
        });
        assert_eq!(store.sessions(user.clone()).await.unwrap(), sessions.collect::<Vec<_>>());
        let groups = self.groups.iter().map(|(name, group)| command::Group {
            name: name.clone(),
            members: u64::try_from(group.members.len()).unwrap(),
            joined: group.members.contains_key(user),
        });
        let found = store.groups(user.clone(), None).await.unwrap();
        assert_eq!(found, (groups.collect(), false));
        let joined = self.groups.iter().filter(|(_, group)| group.members.contains_key(user));
        let joined: Vec<_> = joined.map(|(name, _)| name.clone()).collect();
        assert_eq!(store.groups_of(user.clone()).await.unwrap(), joined);
        let used = store.may_upload(user.clone(), Address::User(user.clone())).await.unwrap();
        assert_eq!(used, Ok(self.usage(user)));
    }

    async fn check_members(&self, store: &Store, user: &UserName, group: &GroupName) {
        let found = store.members(user.clone(), group.clone(), None).await.unwrap();
        let found = found.map(|page| (page.owner, page.members, page.more));
        let expected = self.check_member(group, user).map(|()| {
            let group = &self.groups[group];
            (group.owner.clone(), group.members.keys().cloned().collect(), false)
        });
        assert_eq!(found, expected);
    }

    /// Compares the whole history of a log, its unread messages, and its files under each of their names.
    async fn check_log(&self, store: &Store, reader: &UserName, log: Address) {
        for selection in [Selection::Newest(1000), Selection::Unread] {
            let found = history(store, reader, &log, selection).await;
            assert_eq!(found, self.history(reader, &log, selection), "{log:?} for {reader}");
        }
        let last = store.last(log.clone()).await.unwrap();
        assert_eq!(last.0, self.length(&log));
        assert_eq!(followed(store, reader, &log).await, self.followed(reader, &log));
        for position in 0..=self.length(&log) {
            let id = MessageId { log: log.clone(), sequence: Sequence(position) };
            let found = store.receipt(reader.clone(), id.clone()).await.unwrap();
            assert_eq!(found, self.receipt(reader, id));
        }
        for folder in ["p", "p/q", "a.txt"] {
            let folder: FolderPath = folder.parse().unwrap();
            let expected = self.files_below(reader, &log, &folder);
            let found = files_below(store, reader, &log, &folder).await;
            assert_eq!(found, expected, "{folder} in {log:?} for {reader}");
        }
        for name in self.file_names(&log) {
            let query = FileQuery::from(name.as_str());
            let found = store.file(reader.clone(), log.clone(), query.clone()).await.unwrap();
            assert_eq!(found, self.file(reader, &log, query), "{name} in {log:?} for {reader}");
        }
    }

    fn history(
        &self,
        reader: &UserName,
        log: &Address,
        selection: Selection,
    ) -> Result<Vec<Message>, Refusal> {
        let all = self.followed(reader, log)?.into_iter().map(|(_, message)| message);
        let here = all.filter(|message| message.id.log == *log);
        Ok(here.filter(|message| message.unread || selection != Selection::Unread).collect())
    }

    /// All messages of a log, with the copies of its owner's messages.
    fn followed(
        &self,
        reader: &UserName,
        log: &Address,
    ) -> Result<Vec<PositionedMessage>, Refusal> {
        self.may_read(reader, log)?;
        let read = self.read.get(&(reader.clone(), log.clone()));
        let is_unread = |position, entry: &LogEntry| {
            // A copy of one's own message is never unread.
            entry.to == *log && !read.is_some_and(|read| read.contains(&position))
        };
        let entries = (1..).zip(self.logs.get(log).into_iter().flatten());
        let messages = entries.map(|(position, entry)| {
            let body = match entry.body.clone() {
                Body::File(file) if self.has_expired(&file) => Body::ExpiredFile(file),
                body => body,
            };
            (
                Sequence(position),
                Message { body, unread: is_unread(position, entry), ..message(entry) },
            )
        });
        Ok(messages.collect())
    }

    fn receipt(&self, sender: &UserName, id: MessageId) -> Result<Receipt, Refusal> {
        let entry = id.sequence.0.checked_sub(1).and_then(|before| {
            self.logs.get(&id.log).into_iter().flatten().nth(before.try_into().unwrap())
        });
        let own = |entry: &&LogEntry| entry.from == *sender && entry.to == id.log;
        let Some(entry) = entry.filter(own) else { return Err(Refusal::MessageNotFound(id)) };
        let receivers: Vec<_> = match &id.log {
            Address::User(user) => vec![user],
            Address::Group(group) => {
                self.check_member(group, sender)?;
                let members = self.groups[group].members.iter();
                let receivers =
                    members.filter(|&(user, joined)| user != sender && *joined <= entry.at);
                receivers.map(|(user, _)| user).collect()
            }
        };
        let is_in = |marked: &MarkedPositions, user: &UserName| {
            let marked = marked.get(&(user.clone(), id.log.clone()));
            marked.is_some_and(|marked| marked.contains(&id.sequence.0))
        };
        let count = |is_counted: &dyn Fn(&UserName) -> bool| {
            u64::try_from(receivers.iter().filter(|user| is_counted(user)).count()).unwrap()
        };
        Ok(Receipt {
            receivers: count(&|_| true),
            delivered: count(&|user| is_in(&self.delivered, user) || is_in(&self.read, user)),
            read: count(&|user| is_in(&self.read, user)),
        })
    }

    fn has_expired(&self, file: &File) -> bool {
        self.stored[&file.name].expired.is_some()
    }

    /// All names of the files of a log, and a name that no file has.
    fn file_names(&self, log: &Address) -> Vec<String> {
        let files = self.files(log);
        let names = files.flat_map(|sent| names_of(&sent.file));
        names.chain(["missing".to_owned()]).collect()
    }

    fn files(&self, log: &Address) -> impl Iterator<Item = SentFile> {
        let entries = self.logs.get(log).into_iter().flatten();
        entries.filter_map(|entry| match &entry.body {
            Body::File(file) => {
                let (file, sender) = (file.clone(), entry.from.clone());
                Some(SentFile { file, sender, id: entry.id })
            }
            Body::Text(_) | Body::ExpiredFile(_) => None,
        })
    }

    fn file(
        &self,
        reader: &UserName,
        log: &Address,
        query: FileQuery,
    ) -> Result<SentFile, Refusal> {
        self.may_read(reader, log)?;
        let named = |name: &str| -> BTreeMap<_, _> {
            let is_named = |sent: &SentFile| names_of(&sent.file).iter().any(|own| own == name);
            let named = self.files(log).filter(is_named);
            named.map(|sent| (sent.file.name.clone(), sent)).collect()
        };
        let stored = query.stored.as_ref().map(|stored| named(stored.as_str()));
        let found = stored.filter(|found| !found.is_empty());
        let mut found = found.unwrap_or_else(|| named(&query.original.to_string()));
        match found.len() {
            0 => Err(Refusal::FileNotFound(query.original)),
            1 => match found.pop_first().unwrap() {
                (name, sent) if self.has_expired(&sent.file) => Err(Refusal::FileExpired(name)),
                (_, sent) => Ok(sent),
            },
            _ => Err(Refusal::AmbiguousFile(BoundedVec::first_of(found.into_keys()))),
        }
    }

    fn files_below(
        &self,
        reader: &UserName,
        log: &Address,
        folder: &FolderPath,
    ) -> Result<Vec<File>, Refusal> {
        self.may_read(reader, log)?;
        let entries = self.logs.get(log).into_iter().flatten().filter(|entry| entry.to == *log);
        let files = entries.filter_map(|entry| match &entry.body {
            Body::File(file) => Some((file.original.to_string(), file)),
            Body::Text(_) | Body::ExpiredFile(_) => None,
        });
        let below = files.filter(|(path, _)| path.starts_with(&format!("{folder}/")));
        let below = below.map(|(path, file)| ((path, file.name.clone()), file.clone()));
        Ok(below.collect::<BTreeMap<_, _>>().into_values().collect())
    }

    async fn check_uploads(&self, store: &Store) {
        for ((user, id), effect) in &self.effects {
            let file = match effect {
                ModelEffect::Account | ModelEffect::Password => {
                    let state = store.password_state(user.clone(), *id).await.unwrap();
                    let is_registered = *effect == ModelEffect::Account;
                    assert_eq!(
                        (state.is_registered, state.is_changed),
                        (is_registered, !is_registered)
                    );
                    None
                }
                ModelEffect::Message(log, sequence) => {
                    let mut entries = self.logs[log].iter();
                    let sent =
                        entries.find(|entry| (&entry.to, entry.sequence) == (log, *sequence));
                    match &sent.unwrap().body {
                        Body::File(file) => Some(file.clone()),
                        Body::Text(_) | Body::ExpiredFile(_) => None,
                    }
                }
                _ => None,
            };
            assert_eq!(store.earlier_upload(user.clone(), *id).await.unwrap(), file);
            #[cfg(feature = "cluster")]
            {
                let status = match file {
                    None => UploadStatus::Unfinished,
                    Some(file) if self.has_expired(&file) => UploadStatus::Expired,
                    Some(file) => UploadStatus::Kept(file),
                };
                let uploads = vec![(user.clone(), *id)];
                assert_eq!(store.upload_statuses(uploads).await.unwrap(), [status]);
            }
        }
    }

    fn may_read(&self, reader: &UserName, log: &Address) -> Result<(), Refusal> {
        match log {
            Address::User(_) => Ok(()),
            Address::Group(group) => self.check_member(group, reader),
        }
    }
}

/// The names by which a file can be found.
fn names_of(file: &File) -> [String; 3] {
    let original = &file.original;
    [file.name.to_string(), original.name().to_string(), original.to_string()]
}

/// All files below a folder. Checks also that the list can continue after each of them.
async fn files_below(
    store: &Store,
    reader: &UserName,
    log: &Address,
    folder: &FolderPath,
) -> Result<Vec<File>, Refusal> {
    let ask = async |after| {
        let wanted = (folder.clone(), after);
        let page = store.files_below(reader.clone(), log.clone(), wanted).await.unwrap();
        page.inspect(|(_, next)| assert_eq!(*next, None)).map(|(files, _)| files)
    };
    let all = ask(None).await?;
    for (index, file) in all.iter().enumerate() {
        let mark = FileMark { path: file.original.clone(), name: file.name.clone() };
        assert_eq!(ask(Some(mark)).await.unwrap(), all[index + 1..]);
    }
    Ok(all)
}

/// All pages of a history.
async fn history(
    store: &Store,
    reader: &UserName,
    log: &Address,
    selection: Selection,
) -> Result<Vec<Message>, Refusal> {
    let (mut messages, mut page) = (Vec::new(), None);
    loop {
        let (reader, log) = (reader.clone(), log.clone());
        let query = HistoryQuery { reader, log, selection, from: None, before: None, page };
        let answer = store.history(query).await.unwrap()?;
        messages.extend(answer.messages.into_vec());
        page = answer.next;
        if page.is_none() {
            return Ok(messages);
        }
    }
}

/// A whole log, as a watcher reads it.
async fn followed(
    store: &Store,
    reader: &UserName,
    log: &Address,
) -> Result<Vec<PositionedMessage>, Refusal> {
    let mut messages: Vec<PositionedMessage> = Vec::new();
    loop {
        let last = messages.last().map_or(Sequence(0), |(position, _)| *position);
        let page = store.messages_after(reader.clone(), log.clone(), last).await.unwrap()?;
        if page.is_empty() {
            return Ok(messages);
        }
        messages.extend(page);
    }
}
