//! The width of the terminal.

/// The width of a terminal that does not report one.
const COLUMNS: usize = 80;

/// The columns of the terminal behind a stream; `None` if it is no terminal.
#[cfg(unix)]
pub(crate) fn columns(stream: impl rustix::fd::AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    Some(if size.ws_col == 0 { COLUMNS } else { usize::from(size.ws_col) })
}

#[cfg(not(unix))]
pub(crate) fn columns(stream: impl std::io::IsTerminal) -> Option<usize> {
    stream.is_terminal().then_some(COLUMNS)
}
