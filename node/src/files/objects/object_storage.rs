//! The store of objects as a place for files.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use futures_util::stream::StreamExt;
use object_store::{ObjectMeta, PutPayload};
use qchat_proto::{BlockHash, File, FileName, Refusal, StoredName, Timestamp};
use qchat_transfer::{Layout, file_digest};
use tokio::sync::mpsc;

use super::bucket::Bucket;
use super::cell;
use super::keys::{self, UploadObject, upload_path};
use super::object_file::ObjectFile;
use super::object_upload::{ListedObject, ObjectUpload, expected_cells, superseded};
use super::uploads_here::UploadsHere;
use crate::error::{CommandError, CommandResult};
use crate::files::posted::Posted;
use crate::files::upload_key::UploadKey;
use crate::lock::lock;
use crate::store::RowsRead;

/// The number of uploads in one chunk of a list.
const UPLOADS_CHUNK: usize = 512;

/// The number of block hashes that count as one row of the store: they are read and hashed for each use.
const HASHES_PER_ROW: usize = 16;

/// A removal that has not ended after this time was cut off.
const REMOVAL_TIME_MAX: Duration = Duration::from_secs(10 * 60);

/// The parts of a stored file are not those of its message.
#[derive(Debug, thiserror::Error)]
#[error(
    "the stored file {0} is damaged: its block list is missing, and its parts have another digest"
)]
struct DamagedObjects(StoredName);

/// Files in a store of objects. Clones share the connections.
#[derive(Debug, Clone)]
pub(crate) struct ObjectStorage {
    bucket: Bucket,
    uploads_here: UploadsHere,
    /// The milliseconds of the newest stored name.
    newest_name: Arc<Mutex<u64>>,
}

/// An upload of which objects were found, finished or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FoundUpload {
    pub(crate) key: UploadKey,
    pub(crate) bytes: u64,
    /// The number of its objects.
    pub(crate) objects: u64,
    /// The time of the last write.
    pub(crate) touched: SystemTime,
}

impl ObjectStorage {
    pub(super) fn new(bucket: Bucket) -> Self {
        Self { bucket, uploads_here: UploadsHere::default(), newest_name: Arc::default() }
    }

    /// Files in memory.
    #[cfg(test)]
    pub(crate) fn in_memory() -> Self {
        let objects = Arc::new(object_store::memory::InMemory::new());
        Self::new(Bucket::new(objects, object_store::path::Path::from("p")))
    }

    /// The bytes of an unfinished upload that this server knows of, and the time of the last write.
    pub(crate) fn present(&self, key: &UploadKey) -> Option<(u64, SystemTime)> {
        self.uploads_here.find(key)
    }

    /// Takes note of an unfinished upload that was found.
    pub(crate) fn note(&self, found: &FoundUpload) {
        self.uploads_here.set(&found.key, found.bytes, found.touched);
    }

    /// Forgets an upload whose message exists. Its objects stay: they are the file.
    pub(crate) fn forget(&self, key: &UploadKey) {
        self.uploads_here.forget(key);
    }

    /// Removes all objects of an upload: no message refers to them, or none will any more.
    pub(crate) async fn remove(&self, key: &UploadKey) -> io::Result<()> {
        let objects = self.objects(key).await?;
        self.bucket.remove(objects.into_iter().map(|listed| listed.path).collect()).await?;
        self.uploads_here.forget(key);
        Ok(())
    }

    /// Removes an upload without a message, if nobody has written to it for `rest`, at any server.
    ///
    /// # Errors
    /// `ResourceBusy` if somebody has.
    pub(crate) async fn remove_resting(
        &self,
        key: &UploadKey,
        rest: Duration,
        has_message: impl AsyncFnOnce() -> io::Result<bool>,
    ) -> io::Result<()> {
        // See `ObjectUpload::finish`: the mark comes first, then the list, then the store.
        let mark = keys::path(self.bucket.prefix(), key, UploadObject::Removal);
        self.bucket.put(&mark, PutPayload::default()).await?;
        let listed = self.objects(key).await?;
        let is_mark = |listed: &&ListedObject| listed.path == mark;
        let marked = listed.iter().find(is_mark).map(|mark| mark.written);
        let written = listed.iter().filter(|listed| !is_mark(listed)).map(|listed| listed.written);
        // Both times are those of the store's clock.
        let is_resting = match (marked, written.max()) {
            (Some(now), Some(written)) => now.duration_since(written).unwrap_or_default() >= rest,
            _ => true,
        };
        if is_resting && !has_message().await? {
            return self.remove(key).await;
        }
        self.bucket.remove(vec![mark]).await?;
        match is_resting {
            true => {
                self.forget(key);
                Ok(())
            }
            false => Err(io::Error::new(io::ErrorKind::ResourceBusy, "the upload is in use")),
        }
    }

    /// Keeps or removes what the transaction of a finished upload makes superfluous.
    pub(crate) async fn settle(&self, upload: ObjectUpload, posted: Posted) {
        match posted {
            // An earlier attempt whose message was stored had the same content, and so the same cells.
            Posted::Sent | Posted::SentEarlier => {
                upload.remove_superseded().await;
                self.forget(upload.key());
            }
            // The upload rests. The cleanup asks the store again before it removes anything.
            Posted::Refused | Posted::Failed | Posted::Unknown => {}
        }
    }

    /// Removes what attempts at other servers have left beside a file whose message exists.
    pub(crate) async fn tidy(&self, found: &FoundUpload, file: &File) -> CommandResult<()> {
        let layout = Layout::of(file.size);
        // The cells and the block list.
        if found.objects <= cell::cells(layout).saturating_add(1) {
            return Ok(());
        }
        let hashes = self.block_list(file, &found.key).await?;
        let listed = self.objects(&found.key).await.map_err(CommandError::failed)?;
        let (is_whole, others) = superseded(layout, &hashes, &listed);
        match is_whole {
            true => self.bucket.remove(others).await.map_err(CommandError::failed),
            false => Ok(()),
        }
    }

    /// Opens an upload with the blocks that lie in the store, whichever server has written them.
    pub(crate) async fn open_upload(
        &self,
        key: &UploadKey,
        layout: Layout,
        guard: impl Send + 'static,
    ) -> CommandResult<(ObjectUpload, u64)> {
        let mut listed = self.objects(key).await.map_err(CommandError::failed)?;
        let mark = listed.extract_if(.., |listed| listed.object == Some(UploadObject::Removal));
        if let Some(mark) = mark.last() {
            if age_of(mark.written) < REMOVAL_TIME_MAX {
                return Err(Refusal::Busy.into());
            }
            // The server that removed the upload was killed.
            self.bucket.remove(vec![mark.path]).await.map_err(CommandError::failed)?;
        }
        let bytes = listed.iter().map(|listed| listed.bytes).sum();
        self.uploads_here.set(key, bytes, SystemTime::now());
        let place = (self.bucket.clone(), self.uploads_here.clone());
        let upload = ObjectUpload::open(place, key.clone(), layout, &listed, guard);
        let kept = upload.kept();
        Ok((upload, kept))
    }

    /// Makes a complete upload durable. Its name is unique among those of this server.
    pub(crate) async fn finish(
        &self,
        upload: &ObjectUpload,
        hashes: &[BlockHash],
        (at, original): (Timestamp, &FileName),
    ) -> CommandResult<StoredName> {
        let finished = upload.finish(hashes, async || self.objects(upload.key()).await).await;
        finished.map_err(CommandError::failed)?;
        let mut newest = lock(&self.newest_name);
        *newest = at.milliseconds().max(newest.saturating_add(1));
        Ok(StoredName::new(Timestamp::from_milliseconds(*newest), original))
    }

    /// Opens a stored file for a download. Missing and damaged blocks are found when they are read.
    pub(crate) async fn open_file(
        &self,
        file: &File,
        key: &UploadKey,
    ) -> CommandResult<(ObjectFile, Vec<BlockHash>)> {
        let hashes = self.block_list(file, key).await?;
        let tags = expected_cells(Layout::of(file.size), &hashes);
        Ok((ObjectFile::new(self.bucket.clone(), key.clone(), tags), hashes))
    }

    /// The hashes of a file's blocks, verified by its digest. A missing list is made anew from the cells.
    async fn block_list(&self, file: &File, key: &UploadKey) -> CommandResult<Vec<BlockHash>> {
        let layout = Layout::of(file.size);
        if layout.blocks() <= 1 {
            return Ok((0..layout.blocks()).map(|_| BlockHash(file.digest.0)).collect());
        }
        let blocks = usize::try_from(layout.blocks()).unwrap_or(usize::MAX);
        RowsRead::of_this_task().add(blocks / HASHES_PER_ROW);
        let path = keys::path(self.bucket.prefix(), key, UploadObject::BlockList(file.digest));
        let saved = match self.bucket.get(&path).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            saved => keys::decode_list(&saved.map_err(CommandError::failed)?),
        };
        if let Some(hashes) = saved.filter(|hashes| file_digest(hashes) == file.digest) {
            return Ok(hashes);
        }
        tracing::warn!(file = %file.name, "the list of its blocks is missing or damaged; worked out anew");
        let (upload, kept) = self.open_upload(key, layout, ()).await?;
        let (sender, mut batches) = mpsc::channel(1);
        let gather = async {
            let mut hashes = Vec::new();
            while let Some(batch) = batches.recv().await {
                hashes.extend(batch);
            }
            hashes
        };
        let report = async move { upload.report(&sender).await };
        let (reported, hashes) = tokio::join!(report, gather);
        self.forget(key);
        reported.map_err(CommandError::failed)?;
        if kept != layout.blocks() || file_digest(&hashes) != file.digest {
            return Err(CommandError::failed(DamagedObjects(file.name.clone())));
        }
        // A download goes on without a saved list.
        if let Err(error) = self.bucket.put(&path, keys::encode_list(&hashes).into()).await {
            tracing::warn!(file = %file.name, %error, "the list of its blocks cannot be kept");
        }
        Ok(hashes)
    }

    /// All uploads, finished or not, in chunks.
    pub(crate) fn uploads(&self) -> mpsc::Receiver<io::Result<Vec<FoundUpload>>> {
        let (uploads, chunks) = mpsc::channel(1);
        let storage = self.clone();
        tokio::spawn(async move {
            if let Err(error) = storage.send_uploads(&uploads).await {
                // The receiver may be gone.
                let _ = uploads.send(Err(error)).await;
            }
        });
        chunks
    }

    async fn send_uploads(
        &self,
        uploads: &mpsc::Sender<io::Result<Vec<FoundUpload>>>,
    ) -> io::Result<()> {
        let mut chunk: Vec<FoundUpload> = Vec::new();
        let mut objects = self.bucket.list(self.bucket.prefix());
        while let Some(object) = objects.next().await {
            let ObjectMeta { location, last_modified, size, .. } = object?;
            let Some((key, _)) = keys::parse(self.bucket.prefix(), &location) else { continue };
            let touched = last_modified.into();
            match chunk.last_mut().filter(|last| last.key == key) {
                Some(last) => {
                    last.bytes = last.bytes.saturating_add(size);
                    last.objects = last.objects.saturating_add(1);
                    last.touched = last.touched.max(touched);
                }
                None => {
                    if chunk.len() == UPLOADS_CHUNK
                        && uploads.send(Ok(std::mem::take(&mut chunk))).await.is_err()
                    {
                        return Ok(());
                    }
                    chunk.push(FoundUpload { key, bytes: size, objects: 1, touched });
                }
            }
        }
        let _ = uploads.send(Ok(chunk)).await;
        Ok(())
    }

    /// The objects of one upload.
    async fn objects(&self, key: &UploadKey) -> io::Result<Vec<ListedObject>> {
        let path = upload_path(self.bucket.prefix(), key);
        let (mut objects, mut found) = (self.bucket.list(&path), Vec::new());
        while let Some(object) = objects.next().await {
            let ObjectMeta { location: path, size: bytes, last_modified, .. } = object?;
            let object = keys::parse(self.bucket.prefix(), &path).map(|(_, object)| object);
            found.push(ListedObject { path, object, bytes, written: last_modified.into() });
        }
        Ok(found)
    }
}

/// The time since `moment`; none if it lies in the future of this server's clock.
fn age_of(moment: SystemTime) -> Duration {
    SystemTime::now().duration_since(moment).unwrap_or_default()
}

#[cfg(test)]
mod tests;
