//! The disk, beside the runtime's threads.

use std::io;

use tokio::task::spawn_blocking;

/// Runs what reads or writes the disk in a thread of its own.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(work).await.unwrap_or_else(|panic| Err(io::Error::other(panic)))
}
