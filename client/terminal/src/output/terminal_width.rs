//! How wide the terminal is.

/// Where a terminal does not say how wide it is, it is taken for as wide as the first ones were.
const COLUMNS: usize = 80;

/// The columns of the terminal behind a stream; `None` where it is none.
#[cfg(unix)]
pub(crate) fn columns(stream: impl rustix::fd::AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    Some(if size.ws_col == 0 { COLUMNS } else { usize::from(size.ws_col) })
}

#[cfg(not(unix))]
pub(crate) fn columns(stream: impl std::io::IsTerminal) -> Option<usize> {
    stream.is_terminal().then_some(COLUMNS)
}
