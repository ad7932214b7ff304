//! The error codes that users and scripts see: those of the server's refusals, and those of the client.

use std::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// An error code. Scripts compare its text, so the text of a code never changes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The text of the code.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

codes! {
    // Of the server's refusals.
    /// The command needs a signed-in user.
    NotLoggedIn = "not_logged_in",
    /// Somebody is signed in already.
    AlreadyLoggedIn = "already_logged_in",
    /// The account exists.
    UserExists = "user_exists",
    /// The password is too short.
    WeakPassword = "weak_password",
    /// The password is wrong, or the account does not exist.
    BadCredentials = "bad_credentials",
    /// The session has ended.
    SessionEnded = "session_ended",
    /// The account does not exist.
    UserNotFound = "user_not_found",
    /// The group does not exist.
    GroupNotFound = "group_not_found",
    /// The group exists.
    GroupExists = "group_exists",
    /// The user is not a member of the group.
    NotAMember = "not_a_member",
    /// No file of that name is visible to the user.
    FileNotFound = "file_not_found",
    /// Several files have that name.
    AmbiguousFile = "ambiguous_file",
    /// The file or the text is too large.
    TooLarge = "too_large",
    /// The file exceeds the user's quota.
    QuotaExceeded = "quota_exceeded",
    /// The client-made id was used for another content.
    IdReused = "id_reused",
    /// The bytes of the file did not arrive as announced.
    TransferFailed = "transfer_failed",
    /// The server has too much work.
    Busy = "busy",
    /// The server shuts down.
    ShuttingDown = "shutting_down",
    /// The server or the client had a fault.
    Internal = "internal",
    /// The command may or may not have been executed.
    OutcomeUnknown = "outcome_unknown",
    /// The message does not exist, or another user sent it.
    MessageNotFound = "message_not_found",
    /// The server removed the file after its retention time.
    FileExpired = "file_expired",
    /// The user has no such session.
    SessionNotFound = "session_not_found",
    /// The server's disk has too little free space.
    ServerFull = "server_full",
    /// The file is damaged on the server's disk.
    FileDamaged = "file_damaged",
    /// Too many wrong passwords.
    TooManyAttempts = "too_many_attempts",
    /// Too many accounts were made from the address.
    TooManyRegistrations = "too_many_registrations",
    /// The user is in too many groups.
    TooManyGroups = "too_many_groups",

    // Of the client.
    /// The line does not have the form of its command.
    Usage = "usage",
    /// The command does not exist.
    UnknownCommand = "unknown_command",
    /// The text breaks the rule for names.
    InvalidName = "invalid_name",
    /// The message has no text.
    EmptyMessage = "empty_message",
    /// A file on this machine cannot be used.
    LocalFile = "local_file",
    /// The file changed while it was sent.
    FileChanged = "file_changed",
    /// The server's answer is malformed.
    Damaged = "damaged",
    /// The connection failed, and the command was certainly not executed.
    NotSent = "not_sent",
    /// No connection to the server.
    Unreachable = "unreachable",
    /// The server's name has no address.
    NoAddress = "no_address",
    /// Client and server cannot agree on a connection.
    NoAgreement = "no_agreement",
    /// This machine cannot open a QUIC connection.
    LocalNetwork = "local_network",
    /// The server's key is not the trusted one.
    Identity = "identity",
    /// The user cancelled the input.
    Cancelled = "cancelled",
    /// Some of several files were not sent.
    NotAllSent = "not_all_sent",
    /// Some of several files were not fetched.
    NotAllFetched = "not_all_fetched",
    /// The message was not delivered in time.
    NotDelivered = "not_delivered",
    /// The message was not read in time.
    NotRead = "not_read",
    /// Too many lines wait for a connection.
    OutboxFull = "outbox_full",
    /// Too many transfers are under way.
    TooManyTransfers = "too_many_transfers",
    /// No transfer of that number is under way.
    TransferNotFound = "transfer_not_found",
    /// Following the logs has ended.
    Ended = "ended",
}

impl Code {
    /// Whether the command may or may not have been executed. Repeating it is safe only with the same
    /// client-made id.
    pub const fn is_outcome_unknown(self) -> bool {
        matches!(self, Self::OutcomeUnknown)
    }

    /// Whether no answer came from the server. The same command may succeed on another connection.
    pub const fn is_connection_lost(self) -> bool {
        matches!(self, Self::Unreachable) || self.is_outcome_unknown()
    }

    /// Whether the same command may succeed a little later, although nobody changes anything.
    pub const fn is_transient(self) -> bool {
        self.is_connection_lost()
            || matches!(self, Self::Busy | Self::ShuttingDown | Self::TransferFailed)
    }

    /// Whether connecting may succeed later, for example after the machine joins another network.
    pub const fn may_connect_later(self) -> bool {
        self.is_connection_lost()
            || matches!(self, Self::NoAddress | Self::NoAgreement | Self::LocalNetwork)
    }

    /// Whether the connection or the saved session is no longer signed in.
    pub const fn ends_session(self) -> bool {
        matches!(self, Self::NotLoggedIn | Self::SessionEnded)
    }

    /// Whether one of several files failed, and the others may still be sent or fetched.
    pub const fn concerns_one_file(self) -> bool {
        matches!(
            self,
            Self::LocalFile
                | Self::FileChanged
                | Self::TooLarge
                | Self::QuotaExceeded
                | Self::ServerFull
                | Self::IdReused
                | Self::FileExpired
                | Self::FileDamaged
                | Self::FileNotFound
        )
    }

    /// Whether an upload that failed is still to be continued, with its client-made id.
    pub const fn leaves_upload_open(self) -> bool {
        self.is_transient()
            || matches!(
                self,
                Self::ServerFull
                    | Self::Internal
                    | Self::NotLoggedIn
                    | Self::LocalFile
                    | Self::FileChanged
                    | Self::Damaged
            )
    }

    /// Whether the line itself is wrong, so that no server was asked.
    pub const fn is_usage(self) -> bool {
        matches!(self, Self::Usage | Self::UnknownCommand)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests;
