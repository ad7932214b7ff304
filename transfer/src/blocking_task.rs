//! Waiting for a task on the pool of blocking threads.

use tokio::task::JoinHandle;

/// Waits for a blocking task. Its panic becomes the panic of the task that waits.
pub(crate) async fn joined<T>(task: JoinHandle<T>) -> T {
    match task.await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime shuts down, and the waiting task with it.
            Err(_) => std::future::pending().await,
        },
    }
}
