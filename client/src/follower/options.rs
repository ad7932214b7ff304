//! The choices of a program that follows: the server, the cursors, the first message.

use qchat_proto::SessionToken;
use qchat_proto::command::Cursor;

use crate::address::ServerAddresses;
use crate::follower::cursor_file::CursorFile;
use crate::trust::Trust;

/// Makes a lost connection again.
#[derive(Debug, Clone)]
pub struct Reconnect {
    /// The server, at one address or several.
    pub server: ServerAddresses,
    /// How the server's identity is checked.
    pub trust: Trust,
    /// Resumes the session.
    pub token: SessionToken,
}

/// The cursors from which following goes on, and their keeper.
#[derive(Debug)]
pub enum Cursors {
    /// The caller keeps them, with [`Follower::cursors`](crate::Follower::cursors).
    Given(Vec<Cursor>),
    /// They are written to this file whenever they move, before messages are marked as read.
    File(CursorFile),
}

/// The first message to return of a log without a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beginning {
    /// The oldest unread one. In a group, messages from before the joining count as read.
    OldestUnread,
    /// The first one that the log has.
    FirstMessage,
}
