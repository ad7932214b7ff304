//! The tables. Each name and number is written once, here. Keys are those of `keys`, values are the versioned records
//! of `records`.

macro_rules! tables {
    ($($(#[$doc:meta])* $table:ident = $number:literal $name:literal,)*) => {
        /// A table. Its number and its name never change: engines store them.
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
    /// log → last sequence number of the log
    Logs = 6 "logs",
    /// log, sequence number → `LogEntry`
    Entries = 7 "entries",
    /// user, log → `RangeSet` of the messages that the user was shown
    ReadMarkers = 8 "read_markers",
    /// user, log → `RangeSet` of the messages that a device of the user has received
    DeliveryMarkers = 9 "delivery_markers",
    /// user, id chosen by the client → `CommandEffect`
    Requests = 10 "requests",
    /// log, one of the file's names (see `keys::names_of`), stored name → sequence number of the file's message
    Files = 11 "files",
    /// stored name → `StoredFileRecord`
    StoredFiles = 12 "stored_files",
    /// user → bytes of the user's sent files that have not expired
    Usage = 13 "usage",
}
