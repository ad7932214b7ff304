//! Restores the modes of the terminal, in whatever way the program ends.
//!
//! The line editor reads single keys and bracketed pastes. A progress bar and a password turn off the echo.
//! Each restores the modes by itself, but not if a signal or a panic ends the program.

#[cfg(unix)]
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether this program has changed the modes. Another program on the terminal may change them too: a pager, or
/// the shell while this program is in the background.
static CHANGED: AtomicBool = AtomicBool::new(false);

/// Notes that the modes are about to change.
pub(crate) fn note_change() {
    CHANGED.store(true, Ordering::Relaxed);
}

/// The modes of the terminal behind standard input. Dropping this restores them if they were changed.
#[derive(Debug)]
pub(crate) struct TerminalModes(#[cfg(unix)] rustix::termios::Termios);

#[cfg(unix)]
impl TerminalModes {
    /// Stores the current modes. `None` if standard input is no terminal.
    pub(crate) fn remember() -> Option<Self> {
        rustix::termios::tcgetattr(std::io::stdin()).ok().map(Self)
    }
}

#[cfg(unix)]
impl Drop for TerminalModes {
    fn drop(&mut self) {
        use rustix::termios::{OptionalActions, tcsetattr};
        if CHANGED.load(Ordering::Relaxed) && is_foreground(std::io::stdin()) {
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.0);
            crate::output::streams::end_bracketed_paste();
        }
    }
}

/// Whether this program is in the foreground of its terminal. A program in the background would be stopped if
/// it changed the modes.
#[cfg(unix)]
pub(crate) fn is_foreground(terminal: impl AsFd) -> bool {
    let group = rustix::termios::tcgetpgrp(terminal);
    group.is_ok_and(|group| group == rustix::process::getpgrp())
}

/// Waits for a signal that asks the program to end. Returns the number of the signal.
///
/// # Cancel safety
/// Cancel safe.
#[cfg(unix)]
pub(crate) async fn ended_by_signal() -> u8 {
    use tokio::signal::unix::{SignalKind, signal};
    const HANGUP: u8 = 1;
    const QUIT: u8 = 3;
    const TERMINATE: u8 = 15;
    let listen = |kind| signal(kind).ok();
    let signals =
        (listen(SignalKind::hangup()), listen(SignalKind::quit()), listen(SignalKind::terminate()));
    let (Some(mut hangup), Some(mut quit), Some(mut terminate)) = signals else {
        // Without handlers, the system ends the program.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = hangup.recv() => HANGUP,
        _ = quit.recv() => QUIT,
        _ = terminate.recv() => TERMINATE,
    }
}

#[cfg(not(unix))]
impl TerminalModes {
    /// This system has no such modes.
    pub(crate) fn remember() -> Option<Self> {
        None
    }
}

#[cfg(not(unix))]
pub(crate) fn is_foreground<T>(_: T) -> bool {
    true
}

#[cfg(not(unix))]
pub(crate) async fn ended_by_signal() -> u8 {
    std::future::pending().await
}
