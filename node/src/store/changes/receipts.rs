//! What became of messages with those whom they were sent to.

use qchat_proto::command::SequenceRange;
use qchat_proto::{Address, Sequence, UserName};

use super::{ApplyError, Change, check};
use crate::store::notification::Notification;
use crate::store::permission::Act;
use crate::store::records::MarkedRanges;
use crate::store::tables::{self, Tables};

/// What is noted of a message for one of those whom it was sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// A device of theirs has it.
    Delivered,
    /// They were shown it.
    Read,
}

/// Marks messages of a log for a user: of the own mailbox, or of a group of theirs.
#[derive(Debug, Clone)]
pub(crate) struct MarkMessages {
    pub(crate) mark: Mark,
    pub(crate) user: UserName,
    pub(crate) log: Address,
    pub(crate) ranges: Vec<SequenceRange>,
}

impl Change for MarkMessages {
    type Outcome = ();

    fn notifications(&self, (): &()) -> Vec<Notification> {
        vec![Notification::Marks(self.log.clone())]
    }

    fn apply(&self, tables: &mut Tables<'_>) -> Result<(), ApplyError> {
        check(tables, &self.user, Act::Read(&self.log))?;
        mark(tables, self.mark, &self.user, &self.log, &self.ranges)
    }
}

/// Adds the messages of `ranges` that exist to those that are marked for a user.
pub(super) fn mark(
    tables: &mut Tables<'_>,
    mark: Mark,
    user: &UserName,
    log: &Address,
    ranges: &[SequenceRange],
) -> Result<(), ApplyError> {
    let last: Option<Sequence> = tables::lookup(&tables.logs, &tables::log(log), "log")?;
    let last = last.unwrap_or(Sequence(0));
    let table = match mark {
        Mark::Delivered => &mut tables.delivery_markers,
        Mark::Read => &mut tables.read_markers,
    };
    let key = tables::marker(user, log);
    let mut marked: MarkedRanges = tables::lookup(table, &key, "marker")?.unwrap_or_default();
    for range in ranges {
        // A message that does not exist yet cannot have been marked.
        let first = range.first.max(Sequence(1));
        marked.insert(SequenceRange { first, last: range.last.min(last) });
    }
    Ok(tables::put(table, &key, &marked)?)
}
