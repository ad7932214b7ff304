//! Watches the logs of the user, and posts notices of messages.

use std::sync::Arc;

use qchat_client::{Client, Cursor, Event, UserName};

use crate::outcome::{Notice, ReceivedMessage};
use crate::prompt::notices::NoticeQueue;

/// The end of a watch.
#[derive(Debug)]
pub(super) struct WatchEnd {
    pub(super) cursors: Vec<Cursor>,
}

/// Watches until that fails, and posts notices. The watch holds no handle that would keep the connection open
/// after the executor has dropped it.
pub(super) async fn watch(
    client: Client,
    user: UserName,
    cursors: Vec<Cursor>,
    notices: Arc<NoticeQueue>,
) -> WatchEnd {
    let mut watching = match client.watch(cursors.clone()).await {
        Ok(watching) => watching,
        Err(_) => return WatchEnd { cursors },
    };
    drop(client);
    loop {
        match watching.next().await {
            Ok(Event::Message { log, message, .. }) if message.from != user => {
                notices.post(Notice::Message(ReceivedMessage {
                    reader: user.clone(),
                    log,
                    message,
                }));
            }
            Ok(Event::Membership { group, user, is_member }) => {
                let verb = if is_member { "joined" } else { "left" };
                notices.post(Notice::Text(format!("{user} {verb} {group}")));
            }
            Ok(_) => {}
            Err(_) => return WatchEnd { cursors: watching.cursors() },
        }
    }
}
