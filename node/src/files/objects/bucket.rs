//! The requests to the store of objects. Each has a deadline, and its failure is told as an I/O error.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    BackoffConfig, GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt, PutPayload,
    RetryConfig,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// The longest time of one HTTP request.
pub(super) const REQUEST_TIME_MAX: Duration = Duration::from_secs(20);

/// The longest time of one operation with its retries. It is shorter than the time after which a peer is taken for
/// stalled, so that the peer learns the reason.
const OPERATION_TIME_MAX: Duration = Duration::from_secs(50);

/// The longest time of the retries of one request.
pub(super) const RETRY_TIME_MAX: Duration = Duration::from_secs(40);

/// The most cells that all uploads write at the same time. Each waits in memory.
const PUTS_MAX: usize = 16;

/// The longest pause between two attempts.
const PAUSE_MAX: Duration = Duration::from_secs(3);

/// The retries of a failed request, for this long: a store that starts again is away for some seconds.
pub(super) fn retries(time_max: Duration) -> RetryConfig {
    let backoff = BackoffConfig { max_backoff: PAUSE_MAX, ..BackoffConfig::default() };
    RetryConfig { backoff, max_retries: 1000, retry_timeout: time_max }
}

/// The objects below one prefix. Clones share the connections.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    puts: Arc<Semaphore>,
}

impl Bucket {
    pub(super) fn new(store: Arc<dyn ObjectStore>, prefix: Path) -> Self {
        Self { store, prefix, puts: Arc::new(Semaphore::new(PUTS_MAX)) }
    }

    /// The prefix of all objects.
    pub(super) fn prefix(&self) -> &Path {
        &self.prefix
    }

    /// Waits until one more cell may be written.
    pub(super) async fn put_permit(&self) -> io::Result<OwnedSemaphorePermit> {
        Arc::clone(&self.puts).acquire_owned().await.map_err(io::Error::other)
    }

    /// Writes an object, and replaces an earlier one. The object is durable when this returns.
    pub(super) async fn put(&self, path: &Path, content: PutPayload) -> io::Result<()> {
        bounded(self.store.put(path, content)).await.map(|_| ())
    }

    /// Reads a whole object.
    pub(super) async fn get(&self, path: &Path) -> io::Result<Bytes> {
        bounded(async { self.store.get(path).await?.bytes().await }).await
    }

    /// Reads a part of an object, and passes its bytes on as they come. The object may have fewer bytes.
    pub(super) async fn get_range(
        &self,
        path: &Path,
        range: Range<u64>,
        mut take: impl FnMut(&[u8]),
    ) -> io::Result<()> {
        let options = GetOptions::new().with_range(Some(GetRange::Bounded(range)));
        bounded(async {
            let mut pieces = self.store.get_opts(path, options).await?.into_stream();
            while let Some(piece) = pieces.next().await {
                take(&piece?);
            }
            Ok(())
        })
        .await
    }

    /// The length of an object in bytes.
    pub(super) async fn length(&self, path: &Path) -> io::Result<u64> {
        bounded(self.store.head(path)).await.map(|meta| meta.size)
    }

    /// The objects below a path of this bucket, in the order of their names.
    pub(super) fn list(&self, below: &Path) -> BoxStream<'static, io::Result<ObjectMeta>> {
        let objects = self.store.list(Some(below));
        let next = |mut objects: BoxStream<'static, object_store::Result<ObjectMeta>>| async {
            let object = bounded(async { objects.next().await.transpose() }).await.transpose()?;
            Some((object, objects))
        };
        stream::unfold(objects, next).boxed()
    }

    /// Removes objects. An object that does not exist is no error.
    pub(super) async fn remove(&self, paths: Vec<Path>) -> io::Result<()> {
        let paths = stream::iter(paths.into_iter().map(Ok)).boxed();
        let mut removed = self.store.delete_stream(paths);
        while let Some(object) =
            bounded(async { removed.next().await.transpose() }).await.transpose()
        {
            match object {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

/// The result of an operation, unless it takes too long.
async fn bounded<T>(operation: impl Future<Output = object_store::Result<T>>) -> io::Result<T> {
    match timeout(OPERATION_TIME_MAX, operation).await {
        Ok(result) => result.map_err(io_error),
        Err(_) => {
            Err(io::Error::new(io::ErrorKind::TimedOut, "the store of files does not answer"))
        }
    }
}

/// An error as an I/O error. All but three kinds mean that the store cannot be used now.
fn io_error(error: object_store::Error) -> io::Error {
    let kind = match &error {
        object_store::Error::NotFound { .. } => io::ErrorKind::NotFound,
        object_store::Error::PermissionDenied { .. }
        | object_store::Error::Unauthenticated { .. } => io::ErrorKind::PermissionDenied,
        object_store::Error::InvalidPath { .. } => io::ErrorKind::InvalidInput,
        _ => io::ErrorKind::NotConnected,
    };
    io::Error::new(kind, error)
}
