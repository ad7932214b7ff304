//! The commands, with the properties that decide how each is run.

use qchat_proto::command::Log;
use qchat_proto::{Address, GroupName, MessageText, Password, SessionId, Stage, UserName};

use crate::command::file_arguments::FileArguments;
use crate::command::history_options::HistoryArguments;
use crate::command::table::Verb;
use crate::command::wait_options::WaitOptions;

/// A line in the form of its command. Whether a message is empty or a file exists is checked later, because a
/// user who is signed out gets that error first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    Register {
        user: UserName,
        password: Option<Password>,
    },
    Login {
        user: UserName,
        password: Option<Password>,
    },
    Logout,
    LogoutEverywhere,
    ChangePassword(Option<PasswordChange>),
    Sessions,
    WhoAmI,
    RevokeSession(SessionId),
    Users,
    Send {
        to: Address,
        text: String,
        wait: WaitOptions,
    },
    History(HistoryArguments),
    SendFile {
        to: Address,
        files: FileArguments,
        wait: WaitOptions,
    },
    Download {
        log: Log,
        name: String,
    },
    /// A command whose MESSAGE or FILE is standard input.
    FromInput(Box<Command>),
    /// A command that moves files in the background of a prompt.
    Background(Box<Command>),
    Transfers,
    StopTransfer(u32),
    MakeGroup(GroupName),
    Join(GroupName),
    Leave(GroupName),
    Groups,
    Members(GroupName),
    Help(Option<Verb>),
    Quit,
}

impl Command {
    /// The command of a verb that takes no words.
    pub(super) fn without_words(verb: Verb) -> Self {
        match verb {
            Verb::Users => Self::Users,
            Verb::Groups => Self::Groups,
            Verb::WhoAmI => Self::WhoAmI,
            _ => Self::Quit,
        }
    }

    /// Whether the server executes it.
    pub(crate) fn asks_server(&self) -> bool {
        // The prompt asks this, and refuses a command from standard input.
        !matches!(self, Self::Help(_) | Self::Quit | Self::FromInput(_))
    }

    /// Whether the server answers at once, without a person or a file in between.
    pub(crate) fn is_brief(&self) -> bool {
        matches!(
            self,
            Self::History(_)
                | Self::Users
                | Self::Groups
                | Self::Members(_)
                | Self::MakeGroup(_)
                | Self::Join(_)
                | Self::Leave(_)
                | Self::Sessions
                | Self::WhoAmI
                | Self::RevokeSession(_)
        ) || self.text().is_some()
    }

    /// Whether the command may wait for a connection: it changes something on the server, it can be repeated
    /// under its id, and nobody waits for its receipt.
    pub(crate) fn can_wait(&self) -> bool {
        match self {
            Self::Send { wait, .. } | Self::SendFile { wait, .. } => wait.stage == Stage::Stored,
            line => matches!(line, Self::MakeGroup(_) | Self::Join(_)),
        }
    }

    /// Whether two executions under one id have the effect of one. A second `leave` would be refused, and a
    /// session that has ended cannot end again.
    pub(crate) fn is_repeatable(&self) -> bool {
        !matches!(
            self,
            Self::Leave(_)
                | Self::Logout
                | Self::LogoutEverywhere
                | Self::RevokeSession(_)
                | Self::ChangePassword(None)
                | Self::Register { password: None, .. }
        )
    }

    /// The receiver and the text of a command that sends a valid text and waits for no receipt.
    pub(crate) fn text(&self) -> Option<(Address, MessageText)> {
        match self {
            Self::Send { to, text, wait } if wait.stage == Stage::Stored => {
                Some((to.clone(), text.clone().try_into().ok()?))
            }
            _ => None,
        }
    }

    /// The options about receipts.
    pub(crate) fn wait(&self) -> WaitOptions {
        match self {
            Self::Send { wait, .. } | Self::SendFile { wait, .. } => *wait,
            _ => WaitOptions::default(),
        }
    }
}

/// The old password and the new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PasswordChange {
    pub(crate) old: Password,
    pub(crate) new: Password,
}
