//! Keeps what is typed from the screen.
//!
//! A bar fills its row; the `^C` or the letters that a terminal would show behind it go to the next
//! one, and the bar could not be cleared any more. What was typed is still read afterwards.

#[cfg(unix)]
use crate::output::terminal_modes::{is_foreground, note_change};

/// While this lives, the terminal shows nothing of what is typed.
#[derive(Debug)]
pub(crate) struct NoEcho(#[cfg(unix)] rustix::termios::Termios);

#[cfg(unix)]
impl NoEcho {
    /// `None` if standard input is no terminal, or one that somebody else works at.
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
        // The next prompt sets the terminal up anew anyhow.
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
    /// There is no such thing here.
    pub(crate) fn begin() -> Option<Self> {
        None
    }
}
