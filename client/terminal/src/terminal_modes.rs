//! Leaves the terminal as it was, however the program ends.
//!
//! The line editor switches the terminal to single keys and bracketed pastes, a bar and a password switch the
//! echo off. Each undoes that by itself, but not if a signal or a panic ends the program in between.

/// The modes of the terminal behind standard input. Dropping this brings them back.
#[derive(Debug)]
pub(crate) struct TerminalModes(#[cfg(unix)] rustix::termios::Termios);

#[cfg(unix)]
impl TerminalModes {
    /// Remembers the modes of now. `None` if standard input is no terminal.
    pub(crate) fn remember() -> Option<Self> {
        rustix::termios::tcgetattr(std::io::stdin()).ok().map(Self)
    }
}

#[cfg(unix)]
impl Drop for TerminalModes {
    fn drop(&mut self) {
        use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
        let before = &self.0;
        let now = tcgetattr(std::io::stdin());
        let is_changed = now.is_ok_and(|now| {
            (now.local_modes, now.input_modes) != (before.local_modes, before.input_modes)
        });
        if is_changed {
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, before);
            crate::streams::end_bracketed_paste();
        }
    }
}

/// Waits for a signal that asks the program to end, and returns its number.
///
/// # Cancel safety
/// Cancel safe.
#[cfg(unix)]
pub(crate) async fn ended_by_signal() -> u8 {
    use tokio::signal::unix::{SignalKind, signal};
    const HANGUP: u8 = 1;
    const TERMINATE: u8 = 15;
    let (hangup, terminate) = (signal(SignalKind::hangup()), signal(SignalKind::terminate()));
    let (Ok(mut hangup), Ok(mut terminate)) = (hangup, terminate) else {
        // Without handlers the system ends the program.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = hangup.recv() => HANGUP,
        _ = terminate.recv() => TERMINATE,
    }
}

#[cfg(not(unix))]
impl TerminalModes {
    /// There is no such thing here.
    pub(crate) fn remember() -> Option<Self> {
        None
    }
}

#[cfg(not(unix))]
pub(crate) async fn ended_by_signal() -> u8 {
    std::future::pending().await
}
