//! The end of a line that was cancelled, and the end of the executor.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::timeout;

use super::Executor;

/// How long ending the session may take at the end of the program.
const LOGOUT_MAX: Duration = Duration::from_secs(5);

/// The same after Ctrl-C.
const BREAK_OFF_MAX: Duration = Duration::from_secs(1);

/// The same for a server that has just left a line without an answer.
const UNANSWERED_MAX: Duration = Duration::from_millis(25);

impl Executor {
    /// Reports that the running line was cancelled.
    pub fn cancelled(&mut self) {
        if std::mem::take(&mut self.unsettled) {
            // The next line connects again, and then the signed-in user is known.
            self.connection.abandon();
        }
        let has_moved = self.options.progress.has_moved.swap(false, Ordering::Relaxed);
        self.output.notice(match has_moved {
            true => "broken off; the same line again goes on where it stopped",
            false => "broken off; what was on its way already may have been done",
        });
    }

    /// Ends a session that is not saved, and closes the connection.
    pub async fn finish(self) {
        self.end_unsaved(self.close_max()).await;
        self.close().await;
    }

    /// The same for a user who does not want to wait.
    pub(crate) async fn break_off(self) {
        self.end_unsaved(BREAK_OFF_MAX).await;
        self.close().await;
    }

    async fn end_unsaved(&self, limit: Duration) {
        if let Some(client) = self.connection.client().filter(|_| self.account.is_unsaved()) {
            // If that fails, the session ends by its age.
            let _ = timeout(limit, client.logout()).await;
        }
    }

    /// Closes the connection.
    pub(crate) async fn close(self) {
        // A server that does not get the close frame detects the end by itself.
        let _ = timeout(self.close_max(), self.connection.close()).await;
    }

    fn close_max(&self) -> Duration {
        if self.is_unanswered { UNANSWERED_MAX } else { LOGOUT_MAX }
    }
}
