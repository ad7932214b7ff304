//! The status of a line that has run.

use std::io;

use crate::exit::Exit;

/// How a line ended, for the caller that runs the next one.
#[derive(Debug)]
pub enum LineStatus {
    /// It succeeded, or it was empty.
    Done,
    /// It failed; the error has been reported.
    Failed(Exit),
    /// It asked for the end of the program.
    Quit,
    /// Its result cannot be written, and the next one could not be written either.
    OutputClosed(io::Error),
}

impl LineStatus {
    /// The worse one of two.
    pub(crate) fn worse(self, other: Self) -> Self {
        match (self, other) {
            (closed @ Self::OutputClosed(_), _) | (_, closed @ Self::OutputClosed(_)) => closed,
            (Self::Failed(one), Self::Failed(other)) => Self::Failed(one.max(other)),
            (failed @ Self::Failed(_), _) | (_, failed @ Self::Failed(_)) => failed,
            (one, _) => one,
        }
    }
}
