//! The permission to use a command, for each kind of caller.

use crate::code::Code;

/// The kinds of callers that permissions distinguish. The group is any group that a command names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CallerKind {
    /// Nobody is signed in on the connection.
    SignedOut,
    /// A user who never was a member of the group.
    Stranger,
    /// A member of the group.
    Member,
    /// A user who has left the group.
    FormerMember,
    /// The user who made the group.
    Owner,
}

impl CallerKind {
    /// Every kind, in the order of the columns in `SECURITY.md`.
    pub const ALL: [Self; 5] =
        [Self::SignedOut, Self::Stranger, Self::Member, Self::FormerMember, Self::Owner];

    /// The kind, in words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignedOut => "signed out",
            Self::Stranger => "stranger",
            Self::Member => "member",
            Self::FormerMember => "former member",
            Self::Owner => "owner",
        }
    }
}

/// The callers who may use a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Connections on which nobody is signed in.
    SignedOut,
    /// Every signed-in user.
    SignedIn,
    /// The members of the group.
    Members,
    /// The members of the group who sent the message. A stranger never sent one.
    Senders,
    /// No user. The code is the answer to every signed-in user.
    Nobody(Code),
}

impl Access {
    /// The code of the refusal to such a caller, or `None` if the caller may use the command.
    pub const fn refusal(self, caller: CallerKind) -> Option<Code> {
        match (self, caller) {
            (Self::SignedOut, CallerKind::SignedOut) => None,
            (Self::SignedOut, _) => Some(Code::AlreadyLoggedIn),
            (_, CallerKind::SignedOut) => Some(Code::NotLoggedIn),
            (Self::Nobody(code), _) => Some(code),
            (Self::Senders, CallerKind::Stranger) => Some(Code::MessageNotFound),
            (Self::Members | Self::Senders, CallerKind::Stranger | CallerKind::FormerMember) => {
                Some(Code::NotAMember)
            }
            (Self::SignedIn | Self::Members | Self::Senders, _) => None,
        }
    }
}

/// The permission to use a command on one kind of target. A command has a row for each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permission {
    /// The target, in words that follow the name of the command. Empty if the command has no target.
    pub target: &'static str,
    /// The callers who may use the command on that target.
    pub access: Access,
}
