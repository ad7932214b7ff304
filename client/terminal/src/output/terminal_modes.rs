//! Leaves the terminal as it was, however the program ends.
//!
//! The line editor switches the terminal to single keys and bracketed pastes, a bar and a password switch the
//! echo off. Each undoes that by itself, but not if a signal or a panic ends the program in between.

#[cfg(unix)]
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether this program has changed the modes of the terminal. Others that share it may do so, too: a pager, or
/// the shell while the program is in the background.
static CHANGED: AtomicBool = AtomicBool::new(false);

/// Notes that the modes of the terminal are about to be changed.
pub(crate) fn note_change() {
    CHANGED.store(true, Ordering::Relaxed);
}

/// The modes of the terminal behind standard input. Dropping this brings them back if they were changed.
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
        use rustix::termios::{OptionalActions, tcsetattr};
        if CHANGED.load(Ordering::Relaxed) && is_foreground(std::io::stdin()) {
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.0);
            crate::output::streams::end_bracketed_paste();
        }
    }
}

/// Whether the terminal is this program's to draw on. One in the background would be stopped if it changed the
/// terminal's modes.
#[cfg(unix)]
pub(crate) fn is_foreground(terminal: impl AsFd) -> bool {
    let group = rustix::termios::tcgetpgrp(terminal);
    group.is_ok_and(|group| group == rustix::process::getpgrp())
}

/// Waits for a signal that asks the program to end, and returns its number.
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
        // Without handlers the system ends the program.
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
    /// There is no such thing here.
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
