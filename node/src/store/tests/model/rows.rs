//! The rows that a store should contain, derived from the model.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use qchat_proto::command::SequenceRange;
use qchat_proto::{Address, Body, Sequence};
use serde::Serialize;

use super::{Model, ModelEffect};
use crate::store::interface::Table;
use crate::store::schema::keys;
use crate::store::schema::places::{CHUNK, LogHead, MessageKey, Place, Places};
use crate::store::schema::range_set::RangeSet;
use crate::store::schema::records::{self, CommandEffect, GroupRecord, LogEntry, MembershipRecord};
use crate::store::tests::disk_faults::disk_store::TableContents;

/// The key of each message, by its id.
type MessageKeys<'model> = HashMap<(&'model Address, Sequence), MessageKey>;

impl Model {
    fn message_keys(&self) -> MessageKeys<'_> {
        let mut last = BTreeMap::new();
        let mut keys = MessageKeys::new();
        for (writer, log, sequence) in &self.sent {
            let last = last.entry(*writer).or_insert(MessageKey::before_first(*writer));
            *last = last.next();
            keys.insert((log, *sequence), *last);
        }
        keys
    }

    /// Every row of every table.
    pub(in crate::store) fn rows(&self) -> TableContents {
        let mut rows = TableContents::new();
        self.put_users(&mut rows);
        self.put_groups(&mut rows);
        let keys = self.message_keys();
        for (log, entries) in &self.logs {
            put_log(&mut rows, log, entries, &keys);
        }
        for (table, marked) in
            [(Table::ReadMarkers, &self.read), (Table::DeliveryMarkers, &self.delivered)]
        {
            for ((user, log), positions) in marked {
                put(&mut rows, table, &keys::marker(user, log), &RangeSet(ranges(positions)));
            }
        }
        for ((user, id), effect) in &self.effects {
            let effect = match effect {
                ModelEffect::Account => CommandEffect::Account,
                ModelEffect::Message(log, sequence) => {
                    CommandEffect::Message(keys[&(log, *sequence)])
                }
                ModelEffect::Group(group) => CommandEffect::Group(group.clone()),
                ModelEffect::Password => CommandEffect::Password,
            };
            put(&mut rows, Table::Effects, &keys::effect(user, *id), &effect);
        }
        for (writer, log, sequence) in &self.sent {
            // The last one of each writer stays.
            let last = keys[&(log, *sequence)];
            put(&mut rows, Table::LastMessages, &keys::last_message(*writer), &last);
        }
        rows
    }

    fn put_users(&self, rows: &mut TableContents) {
        for (user, account) in &self.accounts {
            put(rows, Table::Accounts, keys::name(user.as_str()), account);
        }
        for (name, file) in &self.stored {
            put(rows, Table::StoredFiles, keys::name(name.as_str()), file);
        }
        for (user, bytes) in &self.usage {
            put(rows, Table::Usage, keys::name(user.as_str()), bytes);
        }
        for (token_hash, session) in &self.sessions {
            put(rows, Table::Sessions, token_hash, session);
            let key = keys::session_of_user(&session.user, token_hash);
            put(rows, Table::SessionsOfUser, &key, &session.used);
        }
    }

    fn put_groups(&self, rows: &mut TableContents) {
        for (name, group) in &self.groups {
            let members = u64::try_from(group.members.len()).unwrap();
            let record =
                GroupRecord { owner: group.owner.clone(), created: group.created, members };
            put(rows, Table::Groups, keys::name(name.as_str()), &record);
            for (user, joined) in &group.members {
                let membership = MembershipRecord { joined: *joined };
                put(rows, Table::Members, &keys::member(name, Some(user)), &membership);
                let key = keys::group_of_user(user, Some(name));
                put(rows, Table::GroupsOfUser, &key, &membership);
            }
        }
    }
}

fn put_log(rows: &mut TableContents, log: &Address, entries: &[LogEntry], keys: &MessageKeys<'_>) {
    let mut places = Vec::new();
    for entry in entries {
        let key = keys[&(&entry.to, entry.sequence)];
        places.push(Place { key, is_copy: entry.to != *log });
        put(rows, Table::Messages, &keys::message(key), entry);
        if let Body::File(file) = &entry.body {
            let (plain, path) = (file.original.name().to_string(), file.original.to_string());
            for name in [file.name.to_string(), plain, path] {
                put(rows, Table::FileNames, &keys::file_name(log, &name, Some(&file.name)), &key);
            }
        }
    }
    let last = Sequence(u64::try_from(places.len()).unwrap());
    let chunks = places.chunks_exact(CHUNK);
    let tail = Places(chunks.remainder().to_vec());
    put(rows, Table::Heads, &keys::log(log), &LogHead { last, tail });
    for (chunk, first) in chunks.zip((1..).step_by(CHUNK).map(Sequence)) {
        put(rows, Table::Chunks, &keys::chunk(log, first), &Places(chunk.to_vec()));
    }
}

fn put(rows: &mut TableContents, table: Table, key: &[u8], record: &impl Serialize) {
    rows.insert((table, key.to_vec()), records::encode(record));
}

/// The ranges of a set.
fn ranges(positions: &BTreeSet<u64>) -> Vec<SequenceRange> {
    let mut ranges: Vec<SequenceRange> = Vec::new();
    for position in positions.iter().copied().map(Sequence) {
        match ranges.last_mut() {
            Some(range) if range.last.next() == position => range.last = position,
            _ => ranges.push(SequenceRange { first: position, last: position }),
        }
    }
    ranges
}
