//! The tables. Each name and number is written once, here. Keys are those of `keys`, values are the versioned records
//! of `records`.

macro_rules! tables {
    ($($(#[$doc:meta])* $table:ident = $number:literal $name:literal,)*) => {
        /// A table. Its number and its name never change: engines store them. The tables of format 1
        /// had further names, which are not used again: logs, entries, requests, files.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub(crate) enum Table {
            $($(#[$doc])* $table = $number,)*
        }

        impl Table {
            /// Every table.
            pub(in crate::store) const ALL: &[Self] = &[$(Self::$table),*];

            /// The name in a redb file.
            pub(in crate::store) fn name(self) -> &'static str {
                match self { $(Self::$table => $name,)* }
            }

            /// The number in a table of rows of all kinds.
            #[cfg(feature = "cluster")]
            pub(in crate::store) fn number(self) -> u8 {
                match self { $(Self::$table => $number,)* }
            }
        }
    };
}

tables! {
    /// user → `AccountRecord`
    Accounts = 0 "accounts",
    /// token hash → `SessionRecord`
    Sessions = 1 "sessions",
    /// user, token hash → time of the session's last use
    SessionsOfUser = 2 "sessions_of_user",
    /// group → `GroupRecord`
    Groups = 3 "groups",
    /// group, user → `MembershipRecord`
    Members = 4 "members",
    /// user, group → `MembershipRecord`: an index of `Members` by user
    GroupsOfUser = 5 "groups_of_user",
    /// user, log → `RangeSet` of the messages that the user was shown
    ReadMarkers = 8 "read_markers",
    /// user, log → `RangeSet` of the messages that a device of the user has received
    DeliveryMarkers = 9 "delivery_markers",
    /// stored name → `StoredFileRecord`
    StoredFiles = 12 "stored_files",
    /// user → bytes of the user's sent files that have not expired
    Usage = 13 "usage",
    /// log → `LogHead`: the last sequence number, and the places of the newest messages
    Heads = 14 "heads",
    /// log, first sequence number → `Places` of the next messages, as many as a chunk has
    Chunks = 15 "chunks",
    /// `MessageKey` → `LogEntry`
    Messages = 16 "messages",
    /// id chosen by the client, user → `CommandEffect`
    Effects = 17 "effects",
    /// log, one of the file's names (see `keys::names_of`), stored name → `MessageKey` of the file's message
    FileNames = 18 "file_names",
    /// number of a writer → the last `MessageKey` that it has used
    LastMessages = 19 "last_messages",
}
