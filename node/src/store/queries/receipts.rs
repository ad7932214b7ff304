//! The receipt of a message.

use qchat_proto::{Address, MessageId, Receipt, Refusal, Sequence, UserName};

use super::groups::memberships;
use crate::store::error::StoreError;
use crate::store::handle::Store;
use crate::store::interface::{Needs, Read, Stop, Table};
use crate::store::permission::{Action, permit};
use crate::store::schema::range_set::RangeSet;
use crate::store::schema::records::LogEntry;
use crate::store::schema::{keys, rows};

impl Store {
    /// The receipt of a message that `sender` sent. The sender is not counted as a receiver, unless the message is a
    /// note to oneself. Members who have joined or left the group since are not counted either.
    pub(crate) async fn receipt(
        &self,
        sender: UserName,
        message: MessageId,
    ) -> Result<Result<Receipt, Refusal>, StoreError> {
        self.read(move |tables| {
            let key = keys::entry(&message.log, message.sequence);
            let entry: Option<LogEntry> = rows::find(tables, Table::Entries, &key, "message")?;
            let act = Action::Track(&message, entry.as_ref());
            if let Err(refusal) = permit(tables, &sender, act)? {
                return Ok(Err(refusal));
            }
            let sent = entry.map(|entry| entry.at);
            let receivers = match &message.log {
                Address::User(user) => vec![user.clone()],
                Address::Group(group) => {
                    let members = memberships(tables, group)?.into_iter();
                    let others = members.filter(|(member, _)| *member != sender);
                    // A message counts as read for later members, who never received it.
                    let receivers = others.filter(|(_, joined)| Some(*joined) <= sent);
                    receivers.map(|(member, _)| member).collect()
                }
            };
            count(tables, receivers, &message).map(Ok)
        })
        .await
    }
}

/// The receipt of a message with these receivers.
fn count(
    tables: &mut dyn Read,
    receivers: Vec<UserName>,
    message: &MessageId,
) -> Result<Receipt, Stop> {
    tables.expect(&|| {
        let keys = receivers.iter().map(|receiver| keys::marker(receiver, &message.log));
        keys.fold(Needs::default(), |needs, key| {
            needs.row(Table::ReadMarkers, key.clone()).row(Table::DeliveryMarkers, key)
        })
    });
    let mut receipt = Receipt { receivers: 0, delivered: 0, read: 0 };
    for receiver in receivers {
        let key = keys::marker(&receiver, &message.log);
        receipt.receivers += 1;
        if is_marked(tables, Table::ReadMarkers, &key, message.sequence)? {
            receipt.read += 1;
            receipt.delivered += 1;
        } else if is_marked(tables, Table::DeliveryMarkers, &key, message.sequence)? {
            receipt.delivered += 1;
        }
    }
    Ok(receipt)
}

fn is_marked(
    tables: &mut dyn Read,
    table: Table,
    key: &[u8],
    sequence: Sequence,
) -> Result<bool, Stop> {
    let marked: Option<RangeSet> = rows::find(tables, table, key, "marker")?;
    Ok(marked.is_some_and(|marked| marked.contains(sequence)))
}
