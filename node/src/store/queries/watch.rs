//! The queries of watchers, which follow logs.

use qchat_proto::{Address, GroupName, Message, Refusal, Sequence, UserName};

use super::groups::group_name;
use super::history::{LogReader, log_needed};
use crate::store::error::StoreError;
use crate::store::handle::Store;
use crate::store::interface::{Range, Table};
use crate::store::permission::{Action, permit};
use crate::store::schema::{keys, logs, rows};

/// A message with its position in a log.
pub(crate) type PositionedMessage = (Sequence, Message);

impl Store {
    /// The last sequence number of a log; 0 if the log is empty.
    pub(crate) async fn last(&self, log: Address) -> Result<Sequence, StoreError> {
        self.read(move |tables| Ok(logs::head(tables, &log)?.last)).await
    }

    /// The groups that `user` is a member of, sorted by name.
    pub(crate) async fn groups_of(&self, user: UserName) -> Result<Vec<GroupName>, StoreError> {
        self.read(move |tables| {
            let start = keys::group_of_user(&user, None);
            let groups = tables.range(&Range::prefix(Table::GroupsOfUser, start.clone()))?;
            let names = groups.iter().map(|(key, _)| group_name(rows::rest(key, &start)));
            Ok(names.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// The next messages after a position, of a log that `reader` may read.
    pub(crate) async fn messages_after(
        &self,
        reader: UserName,
        log: Address,
        after: Sequence,
    ) -> Result<Result<Vec<PositionedMessage>, Refusal>, StoreError> {
        self.read(move |tables| {
            tables.expect(&|| log_needed(&reader, &log));
            match permit(tables, &reader, Action::Read(&log))? {
                Ok(()) => LogReader::of(tables, reader.clone(), log.clone())?.after(after).map(Ok),
                Err(refusal) => Ok(Err(refusal)),
            }
        })
        .await
    }
}
