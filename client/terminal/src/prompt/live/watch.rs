//! Listens to the server, and posts what others say.

use std::sync::Arc;

use qchat_client::{Client, Cursor, Event, UserName};

use crate::prompt::notices::{Board, Heard, News};

/// How watching ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) cursors: Vec<Cursor>,
}

/// Watches until that ends, and posts what others say. It holds no handle on the connection, which
/// ends with the shell's.
pub(super) async fn watch(
    client: Client,
    user: UserName,
    cursors: Vec<Cursor>,
    board: Arc<Board>,
) -> Ended {
    let mut watching = match client.watch(cursors.clone()).await {
        Ok(watching) => watching,
        Err(_) => return Ended { cursors },
    };
    drop(client);
    loop {
        match watching.next().await {
            Ok(Event::Message { log, message, .. }) if message.from != user => {
                board.post(News::Heard(Heard { reader: user.clone(), log, message }));
            }
            Ok(Event::Membership { group, user, is_member }) => {
                let verb = if is_member { "joined" } else { "left" };
                board.post(News::Notice(format!("{user} {verb} {group}")));
            }
            Ok(_) => {}
            Err(_) => return Ended { cursors: watching.cursors() },
        }
    }
}
