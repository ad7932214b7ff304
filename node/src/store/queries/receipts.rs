//! What became of a message.

use qchat_proto::{Address, MessageId, Receipt, Refusal, Sequence, UserName};

use super::groups::memberships;
use crate::store::error::StoreError;
use crate::store::permission::{Act, permit};
use crate::store::records::{Entry, MarkedRanges};
use crate::store::rows_read::{CountedTable, Snapshot};
use crate::store::{Store, tables};

impl Store {
    /// How far a message has come that `sender` sent. Its sender is not counted as a receiver, unless it
    /// is a note to oneself; members who have joined or left the group since are not either.
    pub(crate) async fn receipt(
        &self,
        sender: UserName,
        message: MessageId,
    ) -> Result<Result<Receipt, Refusal>, StoreError> {
        self.read(move |snapshot| {
            let key = tables::entry(&message.log, message.sequence);
            let entry: Option<Entry> = tables::find(snapshot, tables::ENTRIES, &key, "message")?;
            let act = Act::Track(&message, entry.as_ref());
            if let Err(refusal) = permit(snapshot, &sender, act)? {
                return Ok(Err(refusal));
            }
            let sent = entry.map(|entry| entry.at);
            let receivers = match &message.log {
                Address::User(user) => vec![user.clone()],
                Address::Group(group) => {
                    let members = memberships(snapshot, group)?.into_iter();
                    let others = members.filter(|(member, _)| *member != sender);
                    // For later members it counts as read, which says nothing about its way.
                    let receivers = others.filter(|(_, joined)| Some(*joined) <= sent);
                    receivers.map(|(member, _)| member).collect()
                }
            };
            Markers::open(snapshot)?.count(receivers, &message).map(Ok)
        })
        .await
    }
}

/// What is marked for whom, in one snapshot.
struct Markers {
    delivered: CountedTable,
    read: CountedTable,
}

impl Markers {
    fn open(snapshot: &Snapshot) -> Result<Self, StoreError> {
        Ok(Self {
            delivered: snapshot.open_table(tables::DELIVERY_MARKERS)?,
            read: snapshot.open_table(tables::READ_MARKERS)?,
        })
    }

    fn count(
        &self,
        receivers: impl IntoIterator<Item = UserName>,
        message: &MessageId,
    ) -> Result<Receipt, StoreError> {
        let mut receipt = Receipt { receivers: 0, delivered: 0, read: 0 };
        for receiver in receivers {
            let key = tables::marker(&receiver, &message.log);
            receipt.receivers += 1;
            if is_marked(&self.read, &key, message.sequence)? {
                receipt.read += 1;
                receipt.delivered += 1;
            } else if is_marked(&self.delivered, &key, message.sequence)? {
                receipt.delivered += 1;
            }
        }
        Ok(receipt)
    }
}

fn is_marked(table: &CountedTable, key: &[u8], sequence: Sequence) -> Result<bool, StoreError> {
    let marked: Option<MarkedRanges> = tables::lookup(table, key, "marker")?;
    Ok(marked.is_some_and(|marked| marked.contains(sequence)))
}
