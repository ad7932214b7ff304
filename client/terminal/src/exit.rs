//! The exit status of the program.

use std::process::ExitCode;

/// The worst result of a run. Ordered by weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Exit {
    /// Everything succeeded.
    #[default]
    Done,
    /// A line was refused.
    Refused,
    /// The program was used in a wrong way.
    Usage,
    /// There is no server, or its identity is refused.
    NoServer,
    /// The connection was lost: the outcome of a line is unknown.
    Unknown,
    /// Ctrl-C.
    Interrupted,
    /// Another signal, with this number.
    Signal(u8),
}

impl Exit {
    /// The exit status that scripts see.
    pub fn status(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Refused => 1,
            Self::Usage => 2,
            Self::NoServer => 3,
            Self::Unknown => 4,
            // Shells use this status for a program that SIGINT has ended.
            Self::Interrupted => 130,
            Self::Signal(number) => 128_u8.saturating_add(number),
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.status().into()
    }
}
