//! Following the caller's logs as they grow.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use qchat_proto::command::{Cursor, Event, Log, Watch};
use qchat_proto::limits::CURSORS_MAX;
use qchat_proto::{BoundedVec, Sequence};

use crate::client::Client;
use crate::commands::delivery_receipts::Deliveries;
use crate::connection::Call;
use crate::connection::Link;
use crate::error::CallError;

/// A stream of events, and how far each log has come in it. Dropping it ends the watching.
pub struct Watching {
    call: Call<Watch>,
    /// Learns that the session has ended. It is no handle on the connection.
    link: Weak<Link>,
    cursors: HashMap<Log, Sequence>,
    deliveries: Deliveries,
}

impl Client {
    /// Follows the mailbox and the groups of who is signed in, from `cursors` on and other logs from
    /// their end. At most 1,024 cursors are taken.
    ///
    /// # Errors
    /// [`CallError`].
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is watched.
    pub async fn watch(&self, cursors: Vec<Cursor>) -> Result<Watching, CallError> {
        let known = cursors.iter().map(|cursor| (cursor.log.clone(), cursor.after)).collect();
        let watch = Watch { cursors: BoundedVec::<_, CURSORS_MAX>::first_of(cursors) };
        let call = Call::ask(&self.link, watch).await?;
        let (link, deliveries) = (Arc::downgrade(&self.link), Deliveries::on(&self.link));
        Ok(Watching { call, link, cursors: known, deliveries })
    }
}

impl Watching {
    /// The next event, however long that takes. A message that was handed on before is not handed on
    /// again. What others sent counts as delivered then, which their senders may see.
    ///
    /// # Errors
    /// [`CallError`]: the link, the session or the server has ended. Watch again from
    /// [`cursors`](Self::cursors).
    ///
    /// # Cancel safety
    /// Not cancel safe: half an event may be lost. Watch in a task of its own.
    pub async fn next(&mut self) -> Result<Event, CallError> {
        loop {
            let event = self.call.event().await;
            if let Some(link) = self.link.upgrade() {
                link.heed(&event);
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

    /// How far each log has come: where the next watching goes on.
    pub fn cursors(&self) -> Vec<Cursor> {
        let cursors = self.cursors.iter();
        cursors.map(|(log, after)| Cursor { log: log.clone(), after: *after }).collect()
    }

    /// Moves the cursor that the event concerns; says whether it has not passed it before.
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
