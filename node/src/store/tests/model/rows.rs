//! The rows that a store should contain, derived from the model.

use std::collections::BTreeSet;

use qchat_proto::command::SequenceRange;
use qchat_proto::{Address, Body, Sequence};
use serde::Serialize;

use super::Model;
use crate::store::interface::Table;
use crate::store::schema::keys;
use crate::store::schema::range_set::RangeSet;
use crate::store::schema::records::{self, GroupRecord, LogEntry, MembershipRecord};
use crate::store::tests::disk_faults::disk_store::TableContents;

impl Model {
    /// Every row of every table.
    pub(in crate::store) fn rows(&self) -> TableContents {
        let mut rows = TableContents::new();
        self.put_users(&mut rows);
        self.put_groups(&mut rows);
        for (log, entries) in &self.logs {
            put_log(&mut rows, log, entries);
        }
        for (table, marked) in
            [(Table::ReadMarkers, &self.read), (Table::DeliveryMarkers, &self.delivered)]
        {
            for ((user, log), positions) in marked {
                put(&mut rows, table, &keys::marker(user, log), &RangeSet(ranges(positions)));
            }
        }
        for ((user, id), effect) in &self.requests {
            put(&mut rows, Table::Requests, &keys::request(user, *id), effect);
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

fn put_log(rows: &mut TableContents, log: &Address, entries: &[LogEntry]) {
    for (position, entry) in (1..).map(Sequence).zip(entries) {
        put(rows, Table::Logs, &keys::log(log), &position);
        put(rows, Table::Entries, &keys::entry(log, position), entry);
        if let Body::File(file) = &entry.body {
            let (plain, path) = (file.original.name().to_string(), file.original.to_string());
            for name in [file.name.to_string(), plain, path] {
                let key = keys::file(log, &name, Some(&file.name));
                put(rows, Table::Files, &key, &position);
            }
        }
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
