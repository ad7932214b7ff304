//! Turns off the echo of the terminal.
//!
//! A progress bar fills its row. A `^C` or a letter that the terminal echoes behind it would go to the next
//! row, and the bar could no longer be cleared. Typed characters are read later.

#[cfg(unix)]
use crate::output::terminal_modes::{is_foreground, note_change};

/// Turns the echo off until this is dropped.
#[derive(Debug)]
pub(crate) struct NoEcho(#[cfg(unix)] rustix::termios::Termios);

#[cfg(unix)]
impl NoEcho {
    /// `None` if standard input is no terminal, or if another program uses it.
    pub(crate) fn begin() -> Option<Self> {
        use rustix::termios::{LocalModes, tcgetattr};
        if !is_foreground(std::io::stdin()) {
            return None;
        }
        note_change();
        let before = tcgetattr(std::io::stdin()).ok()?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        set(&silent).then_some(Self(before))
    }
}

#[cfg(unix)]
impl Drop for NoEcho {
    fn drop(&mut self) {
        // The next prompt sets the modes of the terminal anyway.
        let _ = set(&self.0);
    }
}

#[cfg(unix)]
fn set(modes: &rustix::termios::Termios) -> bool {
    use rustix::termios::{OptionalActions, tcsetattr};
    tcsetattr(std::io::stdin(), OptionalActions::Now, modes).is_ok()
}

#[cfg(not(unix))]
impl NoEcho {
    /// This system has no such mode.
    pub(crate) fn begin() -> Option<Self> {
        None
    }
}
