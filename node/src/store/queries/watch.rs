//! Questions of those who follow logs as they grow.

use qchat_proto::{Address, GroupName, Message, Refusal, Sequence, UserName};

use super::groups::group_name;
use super::history::Reading;
use crate::store::error::StoreError;
use crate::store::permission::{Act, permit};
use crate::store::{Store, tables};

/// A message with its place in the log that is followed.
pub(crate) type Placed = (Sequence, Message);

impl Store {
    /// The last place of a log; 0 where nothing lies in it.
    pub(crate) async fn last(&self, log: Address) -> Result<Sequence, StoreError> {
        self.read(move |snapshot| {
            let last = tables::find(snapshot, tables::LOGS, &tables::log(&log), "log")?;
            Ok(last.unwrap_or(Sequence(0)))
        })
        .await
    }

    /// The groups that `user` is a member of, in the order of their names.
    pub(crate) async fn groups_of(&self, user: UserName) -> Result<Vec<GroupName>, StoreError> {
        self.read(move |snapshot| {
            let start = tables::group_of_user(&user, None);
            let table = snapshot.open_table(tables::GROUPS_OF_USER)?;
            let mut groups = Vec::new();
            for row in table.range(start.as_slice()..)? {
                let (key, _) = row?;
                let Some(group) = key.value().strip_prefix(start.as_slice()) else { break };
                groups.push(group_name(group)?);
            }
            Ok(groups)
        })
        .await
    }

    /// The next messages of a log after a place, as many as are told at a time, where `reader` may see them.
    pub(crate) async fn messages_after(
        &self,
        reader: UserName,
        log: Address,
        after: Sequence,
    ) -> Result<Result<Vec<Placed>, Refusal>, StoreError> {
        self.read(move |snapshot| match permit(snapshot, &reader, Act::Read(&log))? {
            Ok(()) => Reading::of(snapshot, reader.clone(), log.clone())?.after(after).map(Ok),
            Err(refusal) => Ok(Err(refusal)),
        })
        .await
    }
}
