//! Read markers.

use qchat_proto::command::SequenceRange;
use qchat_proto::{Address, Sequence, UserName};

use super::{ApplyError, Change, group_of_member};
use crate::store::records::ReadRanges;
use crate::store::tables::{self, Tables};

/// Marks messages of a log as read by a user: of the own mailbox, or of a group of theirs.
#[derive(Debug, Clone)]
pub(crate) struct MarkAsRead {
    pub(crate) user: UserName,
    pub(crate) log: Address,
    pub(crate) ranges: Vec<SequenceRange>,
}

impl Change for MarkAsRead {
    type Outcome = ();

    fn apply(&self, tables: &mut Tables<'_>) -> Result<(), ApplyError> {
        if let Address::Group(group) = &self.log {
            group_of_member(tables, group, &self.user)?;
        }
        let log = tables::log(&self.log);
        let last: Option<Sequence> = tables::lookup(&tables.logs, &log, "log")?;
        let last = last.unwrap_or(Sequence(0));
        let key = tables::read_marker(&self.user, &self.log);
        let ranges = tables::lookup(&tables.read_markers, &key, "read marker")?;
        let mut ranges: ReadRanges = ranges.unwrap_or_default();
        for range in &self.ranges {
            // What does not exist yet cannot have been read.
            let first = range.first.max(Sequence(1));
            ranges.insert(SequenceRange { first, last: range.last.min(last) });
        }
        Ok(tables::put(&mut tables.read_markers, &key, &ranges)?)
    }
}
