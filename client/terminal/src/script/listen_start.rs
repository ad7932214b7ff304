//! The start of listening: opens the cursors, signs in, and follows.

use std::path::PathBuf;

use qchat_client::{Beginning, CursorFile, Cursors, Follower};
use tokio::task::spawn_blocking;

use crate::error::CommandResult;
use crate::execute::Executor;
use crate::script::listen_error::local;

/// Everything that listening needs.
pub(crate) struct Listener {
    /// Signs in.
    pub(crate) executor: Executor,
    /// The file with the cursors of this server and user.
    pub(crate) cursors: PathBuf,
}

impl Listener {
    /// Opens the cursors, signs in, and begins to follow. Signing in takes at most the time of a line: a
    /// server that never answered may be a wrong address.
    ///
    /// # Errors
    /// [`CommandError`].
    pub(crate) async fn follow(self, beginning: Beginning) -> CommandResult<Follower> {
        let opened = spawn_blocking(|| CursorFile::open(self.cursors)).await;
        let cursors = opened.map_err(|panic| local(panic.to_string()))??;
        let (client, reconnect) = self.executor.into_session().await?;
        Ok(Follower::start(client, reconnect, Cursors::File(cursors), beginning))
    }
}
