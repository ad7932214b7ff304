//! Delivery and read markers.

use qchat_proto::command::SequenceRange;
use qchat_proto::{Address, Sequence, UserName};

use crate::store::change::{ApplyError, Change, check};
use crate::store::interface::{Needs, Table, Write};
use crate::store::notification::Notification;
use crate::store::permission::{Action, facts_needed};
use crate::store::schema::range_set::RangeSet;
use crate::store::schema::{keys, logs, rows};

/// The kind of a marker that a user has on a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// A device of the user has received the message.
    Delivered,
    /// The user was shown the message.
    Read,
}

impl Mark {
    fn table(self) -> Table {
        match self {
            Self::Delivered => Table::DeliveryMarkers,
            Self::Read => Table::ReadMarkers,
        }
    }
}

/// Marks messages in the user's mailbox, or in a group of the user.
#[derive(Debug, Clone)]
pub(crate) struct MarkMessages {
    pub(crate) mark: Mark,
    pub(crate) user: UserName,
    pub(crate) log: Address,
    pub(crate) ranges: Vec<SequenceRange>,
}

impl Change for MarkMessages {
    type Outcome = ();

    fn needs(&self) -> Needs {
        facts_needed(Needs::default(), &self.user, Action::Read(&self.log))
            .row(Table::Heads, keys::log(&self.log))
            .row(self.mark.table(), keys::marker(&self.user, &self.log))
    }

    fn notifications(&self, (): &()) -> Vec<Notification> {
        vec![Notification::Marks(self.log.clone())]
    }

    fn apply(&self, tables: &mut dyn Write) -> Result<(), ApplyError> {
        check(tables, &self.user, Action::Read(&self.log))?;
        mark(tables, self.mark, &self.user, &self.log, &self.ranges)
    }
}

/// Adds the existing messages of `ranges` to the markers of a user.
pub(super) fn mark(
    tables: &mut dyn Write,
    mark: Mark,
    user: &UserName,
    log: &Address,
    ranges: &[SequenceRange],
) -> Result<(), ApplyError> {
    let last = logs::head(tables, log)?.last;
    let table = mark.table();
    let key = keys::marker(user, log);
    let mut marked: RangeSet = rows::find(tables, table, &key, "marker")?.unwrap_or_default();
    for range in ranges {
        // A message that does not exist yet cannot be marked.
        let first = range.first.max(Sequence(1));
        marked.insert(SequenceRange { first, last: range.last.min(last) });
    }
    Ok(rows::put(tables, table, &key, &marked)?)
}
