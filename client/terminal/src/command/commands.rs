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

/// How the program treats a command.
struct Handling {
    is_brief: bool,
    can_wait: bool,
    is_repeatable: bool,
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
        self.handling().is_brief
    }

    /// Whether the command may wait for a connection: it changes something on the server, it can be repeated
    /// under its id, and nobody waits for its receipt.
    pub(crate) fn can_wait(&self) -> bool {
        self.handling().can_wait
    }

    /// Whether two executions under one id have the effect of one. A second `leave` would be refused, a session
    /// that has ended cannot end again, and nobody is asked twice for a new password.
    pub(crate) fn is_repeatable(&self) -> bool {
        self.handling().is_repeatable
    }

    /// Names every command, so that a new one is decided about here.
    fn handling(&self) -> Handling {
        let repeatable = Handling { is_brief: false, can_wait: false, is_repeatable: true };
        let brief = Handling { is_brief: true, ..repeatable };
        match self {
            Self::Users
            | Self::Groups
            | Self::Members(_)
            | Self::Sessions
            | Self::WhoAmI
            | Self::History(_) => brief,
            Self::MakeGroup(_) | Self::Join(_) => Handling { can_wait: true, ..brief },
            Self::Leave(_) | Self::RevokeSession(_) => Handling { is_repeatable: false, ..brief },
            Self::Send { wait, .. } => {
                let (is_brief, can_wait) = (self.text().is_some(), wait.stage == Stage::Stored);
                Handling { is_brief, can_wait, ..repeatable }
            }
            Self::SendFile { wait, .. } => {
                Handling { can_wait: wait.stage == Stage::Stored, ..repeatable }
            }
            Self::Logout
            | Self::LogoutEverywhere
            | Self::ChangePassword(None)
            | Self::Register { password: None, .. } => {
                Handling { is_repeatable: false, ..repeatable }
            }
            Self::Register { password: Some(_), .. }
            | Self::ChangePassword(Some(_))
            | Self::Login { .. }
            | Self::Download { .. }
            | Self::FromInput(_)
            | Self::Background(_)
            | Self::Transfers
            | Self::StopTransfer(_)
            | Self::Help(_)
            | Self::Quit => repeatable,
        }
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
