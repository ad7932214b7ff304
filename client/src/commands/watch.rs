//! Following the user's logs as they grow.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use qchat_proto::command::{Cursor, Event, Log, Watch};
use qchat_proto::limits::CURSORS_MAX;
use qchat_proto::{BoundedVec, Sequence};

use crate::client::Client;
use crate::commands::delivery_receipts::DeliveryReceipts;
use crate::connection::{Call, Connection};
use crate::error::CallError;

/// A stream of events, with the cursor of each log. Dropping it ends the watching.
pub struct Watching {
    call: Call<Watch>,
    /// Notes the end of the session. A strong reference would keep the connection open.
    connection: Weak<Connection>,
    cursors: HashMap<Log, Sequence>,
    deliveries: DeliveryReceipts,
}

impl Client {
    /// Follows the mailbox and the groups of the signed-in user: logs in `cursors` from their cursors on, and
    /// other logs from their end. At most 1,024 cursors are taken.
    ///
    /// # Errors
    /// [`CallError`].
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is watched.
    pub async fn watch(&self, cursors: Vec<Cursor>) -> Result<Watching, CallError> {
        let known = cursors.iter().map(|cursor| (cursor.log.clone(), cursor.after)).collect();
        let watch = Watch { cursors: BoundedVec::<_, CURSORS_MAX>::first_of(cursors) };
        let connection = self.connection();
        let call = Call::ask(connection, watch).await?;
        let deliveries = DeliveryReceipts::start(connection);
        Ok(Watching { call, connection: Arc::downgrade(connection), cursors: known, deliveries })
    }
}

impl Watching {
    /// The next event, however long that takes. Each message is returned once. A message of another user
    /// counts as delivered then, which its sender may see.
    ///
    /// # Errors
    /// [`CallError`]: the connection, the session or the server has ended. Watch again from
    /// [`cursors`](Self::cursors).
    ///
    /// # Cancel safety
    /// Not cancel safe: half an event may be lost. Watch in a task of its own.
    pub async fn next(&mut self) -> Result<Event, CallError> {
        loop {
            let event = self.call.event().await;
            if let Some(connection) = self.connection.upgrade() {
                connection.note_sign_out(&event);
            }
            let event = event?;
            if self.is_new(&event) {
                if let Event::Message { log, place, message } = &event
                    && message.unread
                {
                    self.deliveries.note(log, *place);
                }
                return Ok(event);
            }
        }
    }

    /// The cursor of each log, from which the next watching goes on.
    pub fn cursors(&self) -> Vec<Cursor> {
        let cursors = self.cursors.iter();
        cursors.map(|(log, after)| Cursor { log: log.clone(), after: *after }).collect()
    }

    /// Moves the cursor that the event concerns; returns false if the cursor had passed the event before.
    fn is_new(&mut self, event: &Event) -> bool {
        match event {
            Event::Following(cursor) => {
                self.cursors.insert(cursor.log.clone(), cursor.after);
                true
            }
            Event::Message { log, place, .. } => {
                let cursor = self.cursors.entry(log.clone()).or_insert(Sequence(0));
                let is_new = *place > *cursor;
                *cursor = (*cursor).max(*place);
                is_new
            }
            Event::Left(group) => self.cursors.remove(&Log::Group(group.clone())).is_some(),
            Event::CaughtUp | Event::Presence { .. } | Event::Membership { .. } => true,
        }
    }
}
