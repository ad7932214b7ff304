//! The rows that a store is to hold, from what the model knows: each derived row from the one thing
//! that it is derived from.

use std::collections::BTreeSet;

use qchat_proto::command::SequenceRange;
use qchat_proto::{Address, Body, Sequence};
use redb::TableHandle;
use serde::Serialize;

use super::Model;
use crate::store::records::{self, Entry, Group, MarkedRanges, Membership};
use crate::store::tables::{self, Definition};
use crate::store::tests::machine::Rows;

impl Model {
    /// Every row of every table.
    pub(in super::super) fn rows(&self) -> Rows {
        let mut rows = Rows::new();
        self.put_people(&mut rows);
        self.put_groups(&mut rows);
        for (log, entries) in &self.logs {
            put_log(&mut rows, log, entries);
        }
        for (table, marked) in
            [(tables::READ_MARKERS, &self.read), (tables::DELIVERY_MARKERS, &self.delivered)]
        {
            for ((user, log), places) in marked {
                put(&mut rows, table, &tables::marker(user, log), &MarkedRanges(runs(places)));
            }
        }
        for ((user, id), effect) in &self.requests {
            put(&mut rows, tables::REQUESTS, &tables::request(user, *id), effect);
        }
        rows
    }

    fn put_people(&self, rows: &mut Rows) {
        for (user, account) in &self.accounts {
            put(rows, tables::ACCOUNTS, tables::name(user.as_str()), account);
        }
        for (name, file) in &self.stored {
            put(rows, tables::STORED_FILES, tables::name(name.as_str()), file);
        }
        for (user, bytes) in &self.usage {
            put(rows, tables::USAGE, tables::name(user.as_str()), bytes);
        }
        for (token_hash, session) in &self.sessions {
            put(rows, tables::SESSIONS, token_hash, session);
            let key = tables::session_of_user(&session.user, token_hash);
            put(rows, tables::SESSIONS_OF_USER, &key, &session.used);
        }
    }

    fn put_groups(&self, rows: &mut Rows) {
        for (name, group) in &self.groups {
            let members = u64::try_from(group.members.len()).unwrap();
            let record = Group { owner: group.owner.clone(), created: group.created, members };
            put(rows, tables::GROUPS, tables::name(name.as_str()), &record);
            for (user, joined) in &group.members {
                let membership = Membership { joined: *joined };
                put(rows, tables::MEMBERS, &tables::member(name, Some(user)), &membership);
                let key = tables::group_of_user(user, Some(name));
                put(rows, tables::GROUPS_OF_USER, &key, &membership);
            }
        }
    }
}

fn put_log(rows: &mut Rows, log: &Address, entries: &[Entry]) {
    for (place, entry) in (1..).map(Sequence).zip(entries) {
        put(rows, tables::LOGS, &tables::log(log), &place);
        put(rows, tables::ENTRIES, &tables::entry(log, place), entry);
        if let Body::File(file) = &entry.body {
            let (plain, path) = (file.original.name().to_string(), file.original.to_string());
            for name in [file.name.to_string(), plain, path] {
                let key = tables::file(log, &name, Some(&file.name));
                put(rows, tables::FILES, &key, &place);
            }
        }
    }
}

fn put(rows: &mut Rows, table: Definition, key: &[u8], record: &impl Serialize) {
    rows.insert((table.name().to_owned(), key.to_vec()), records::encode(record));
}

/// A set as its runs.
fn runs(places: &BTreeSet<u64>) -> Vec<SequenceRange> {
    let mut runs: Vec<SequenceRange> = Vec::new();
    for place in places.iter().copied().map(Sequence) {
        match runs.last_mut() {
            Some(run) if run.last.next() == place => run.last = place,
            _ => runs.push(SequenceRange { first: place, last: place }),
        }
    }
    runs
}
