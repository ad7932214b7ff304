//! The receipt of a message.

use qchat_proto::{Address, MessageId, Receipt, Refusal, Sequence, UserName};

use super::groups::memberships;
use crate::store::error::StoreError;
use crate::store::handle::Store;
use crate::store::interface::{Read, Stop, Table};
use crate::store::permission::{Action, permit};
use crate::store::schema::range_set::RangeSet;
use crate::store::schema::{keys, logs, rows};

impl Store {
    /// The receipt of a message that `sender` sent. The sender is not counted as a receiver, unless the message is a
    /// note to oneself. Members who have joined or left the group since are not counted either.
    pub(crate) async fn receipt(
        &self,
        sender: UserName,
        message: MessageId,
    ) -> Result<Result<Receipt, Refusal>, StoreError> {
        self.read(move |tables| {
            let entry = logs::entry(tables, &message.log, message.sequence)?;
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
            count(tables, &receivers, &message).map(Ok)
        })
        .await
    }
}

/// The receipt of a message with these receivers.
fn count(
    tables: &mut dyn Read,
    receivers: &[UserName],
    message: &MessageId,
) -> Result<Receipt, Stop> {
    let keys: Vec<_> =
        receivers.iter().map(|receiver| keys::marker(receiver, &message.log)).collect();
    let read = marked(tables, Table::ReadMarkers, &keys, message.sequence)?;
    let delivered = marked(tables, Table::DeliveryMarkers, &keys, message.sequence)?;
    let mut receipt = Receipt { receivers: 0, delivered: 0, read: 0 };
    for (is_read, is_delivered) in read.into_iter().zip(delivered) {
        receipt.receivers += 1;
        receipt.read += u64::from(is_read);
        receipt.delivered += u64::from(is_read || is_delivered);
    }
    Ok(receipt)
}

/// Whether each of these markers contains the message.
fn marked(
    tables: &mut dyn Read,
    table: Table,
    keys: &[Vec<u8>],
    sequence: Sequence,
) -> Result<Vec<bool>, Stop> {
    let markers = rows::find_all::<RangeSet>(tables, table, keys, "marker")?.into_iter();
    Ok(markers.map(|marker| marker.is_some_and(|marker| marker.contains(sequence))).collect())
}
