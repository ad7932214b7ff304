//! The enums of the wire, with their variants in the order of their tags.

use qchat_proto::command::{Event, Log, Selection, UploadOpening};
use qchat_proto::file_stream::BlockHeader;
use qchat_proto::{Address, Body, Refusal};

/// Lists the variants of an enum in the order of their tags. The code does not compile if a variant is
/// missing here. A test fails if a variant has no sample.
macro_rules! variants {
    ($list:ident, $name:ident, $type:ident: $($variant:ident),* $(,)?) => {
        pub(crate) const $list: &[&str] = &[$(stringify!($variant)),*];

        pub(crate) fn $name(value: &$type) -> &'static str {
            match value {
                $($type::$variant { .. } => stringify!($variant),)*
            }
        }
    };
}

variants! { REFUSALS, refusal_name, Refusal:
    NotLoggedIn, AlreadyLoggedIn, UserExists, WeakPassword, BadCredentials, SessionEnded,
    UserNotFound, GroupNotFound, GroupExists, NotAMember, FileNotFound,
    AmbiguousFile, TooLarge, QuotaExceeded, IdReused, TransferFailed, Busy,
    ShuttingDown, Internal, OutcomeUnknown, MessageNotFound,
    FileExpired, SessionNotFound, ServerFull, FileDamaged,
    NoRoomForFile, TooManyAttempts, TooManyRegistrations, TooManyAtOnce, TooManyGroups,
}

variants! { ADDRESSES, address_name, Address: User, Group }
variants! { BODIES, body_name, Body: Text, File, ExpiredFile }
variants! { LOGS, log_name, Log: Inbox, Group }
variants! { SELECTIONS, selection_name, Selection:
    UnreadAndNewest, Newest, Unread, NewestUnread,
}
variants! { EVENTS, event_name, Event: Following, Message, CaughtUp, Left, Presence, Membership }
variants! { BLOCK_HEADERS, block_header_name, BlockHeader: Block, End }
variants! { OPENINGS, opening_name, UploadOpening: SendFile, AlreadyStored }
