//! How the program ends.

use std::process::ExitCode;

/// What the program's end says about its lines. Ordered by weight: the worst one wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Exit {
    /// All was done.
    #[default]
    Done,
    /// A line was refused.
    Refused,
    /// The program was not used as it is meant to.
    Usage,
    /// There is no server, or its identity is refused.
    NoServer,
    /// The link was lost in the middle: something may or may not have been done.
    Unknown,
    /// Ctrl-C.
    Interrupted,
    /// Another signal, of this number.
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
            // What shells say of a program that ended by SIGINT.
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
