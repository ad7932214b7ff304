//! The terminal whose foreground job the server is, and whether it was closed.
//!
//! SIGHUP has two senders. A person or a service manager asks for a reload. The system tells that the
//! terminal is gone; a server that reloads then would go on where nobody sees it, with its port and its
//! folder in use.

use std::fs::{File, read_to_string};

use rustix::process::getpgrp;
use rustix::termios::tcgetpgrp;

/// The controlling terminal of a foreground job.
pub(crate) struct OwnTerminal(File);

impl OwnTerminal {
    /// Finds it. There is none for a job in the background, a service, and a program that was started by
    /// `nohup`: such a server outlives the terminal. Call it before SIGHUP has a handler.
    pub(crate) fn find() -> Option<Self> {
        let terminal = File::open("/dev/tty").ok()?;
        let is_foreground = tcgetpgrp(&terminal).ok()? == getpgrp();
        (is_foreground && !ignores_hangup()).then_some(Self(terminal))
    }

    /// Whether it was closed. Every question to a closed terminal is refused.
    pub(crate) fn is_closed(&self) -> bool {
        tcgetpgrp(&self.0).is_err()
    }
}

/// Whether the starter of this program has set SIGHUP, signal 1, to be ignored. Linux tells; elsewhere a
/// server under `nohup` ends with its terminal.
fn ignores_hangup() -> bool {
    let status = read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|signals| u64::from_str_radix(signals.trim(), 16).ok());
    ignored.is_some_and(|signals| signals & 1 == 1)
}
