//! An upload into the store of objects.

use std::io;
use std::sync::Mutex;
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use object_store::path::Path;
use qchat_proto::BlockHash;
use qchat_transfer::{BlockBuffer, BlockSink, Layout, hash_block};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, spawn_blocking};

use super::bucket::Bucket;
use super::cell::{self, CELL_BLOCKS, Tag};
use super::cell_writer::{CellWriter, Order, StoredCell};
use super::keys::{self, UploadObject};
use super::uploads_here::UploadsHere;
use crate::files::upload_key::UploadKey;
use crate::lock::lock;

/// The most orders that wait for the task. A transfer has two blocks on the way.
const ORDERS_MAX: usize = 8;

/// The number of hashes in one report.
const HASHES_PER_REPORT: usize = 64;

/// How many cells are asked for their hashes at the same time.
const HEADS_AT_ONCE: usize = 16;

/// An upload that one transfer of this server uses. If it is dropped, its task writes the blocks that it has.
#[derive(Debug)]
pub(crate) struct ObjectUpload {
    orders: mpsc::Sender<Order>,
    bucket: Bucket,
    key: UploadKey,
    layout: Layout,
    /// The cells with the blocks that were there when the upload was opened.
    found: Vec<(u64, StoredCell)>,
    /// Objects of the upload that are no part of the finished file.
    superseded: Mutex<Vec<Path>>,
}

/// An object below the path of an upload.
#[derive(Debug, Clone)]
pub(super) struct ListedObject {
    pub(super) path: Path,
    pub(super) object: Option<UploadObject>,
    pub(super) bytes: u64,
    /// The time of the write, by the clock of the store.
    pub(super) written: SystemTime,
}

impl ObjectUpload {
    /// Opens an upload of which these objects lie in the store. `guard` is kept until its task has ended.
    pub(super) fn open(
        (bucket, uploads_here): (Bucket, UploadsHere),
        key: UploadKey,
        layout: Layout,
        listed: &[ListedObject],
        guard: impl Send + 'static,
    ) -> Self {
        let found = whole_cells(layout, listed);
        let stored = found.iter().copied().collect();
        let writer = CellWriter::new((bucket.clone(), uploads_here), key.clone(), layout, stored);
        let (orders, receiver) = mpsc::channel(ORDERS_MAX);
        tokio::spawn(async move {
            let _guard = guard;
            writer.run(receiver).await;
        });
        Self { orders, bucket, key, layout, found, superseded: Mutex::default() }
    }

    /// The key of the upload.
    pub(super) fn key(&self) -> &UploadKey {
        &self.key
    }

    /// The number of blocks that were there when the upload was opened.
    pub(super) fn kept(&self) -> u64 {
        self.found.iter().map(|(_, cell)| cell.blocks).sum()
    }

    /// Passes the hashes of the blocks that were there on, in their order, until the receiver is gone.
    ///
    /// # Errors
    /// If a cell is damaged, it is removed, and the next attempt does without it.
    pub(crate) async fn report(&self, hashes: &mpsc::Sender<Vec<BlockHash>>) -> io::Result<()> {
        let (bucket, key) = (self.bucket.clone(), self.key.clone());
        let heads =
            self.found.clone().into_iter().map(move |(index, StoredCell { tag, blocks })| {
                head_of(bucket.clone(), key.clone(), (index, tag), blocks)
            });
        let mut heads = stream::iter(heads).buffered(HEADS_AT_ONCE);
        let mut batch = Vec::new();
        while let Some(head) = heads.next().await {
            batch.extend(head?);
            if batch.len() >= HASHES_PER_REPORT
                && hashes.send(std::mem::take(&mut batch)).await.is_err()
            {
                return Ok(());
            }
        }
        if !batch.is_empty() {
            // The receiver may be gone.
            let _ = hashes.send(batch).await;
        }
        Ok(())
    }

    /// Waits until every block is durable.
    pub(crate) async fn flush(&self) -> io::Result<()> {
        let (done, answer) = oneshot::channel();
        self.orders.send(Order::Flush { done }).await.map_err(io::Error::other)?;
        answer.await.map_err(io::Error::other)?
    }

    /// Makes the file with these block hashes durable. Afterwards each cell of the file is in the store, whatever
    /// another server did with this upload, and no server removes it before the transaction of its message.
    ///
    /// The block list is written before the objects are listed, and a removal writes its mark before it lists them. So
    /// of the two one sees the other.
    pub(super) async fn finish(
        &self,
        hashes: &[BlockHash],
        list: impl AsyncFnOnce() -> io::Result<Vec<ListedObject>>,
    ) -> io::Result<()> {
        self.flush().await?;
        let digest = qchat_transfer::file_digest(hashes);
        let content = keys::encode_list(hashes).into();
        self.bucket.put(&self.path(UploadObject::BlockList(digest)), content).await?;
        let listed = list().await?;
        if listed.iter().any(|listed| listed.object == Some(UploadObject::Removal)) {
            let what = "another server removes this upload";
            return Err(io::Error::new(io::ErrorKind::ResourceBusy, what));
        }
        let (is_whole, superseded) = superseded(self.layout, hashes, &listed);
        if !is_whole {
            let what = "another server has removed parts of this upload";
            return Err(io::Error::new(io::ErrorKind::ResourceBusy, what));
        }
        *lock(&self.superseded) = superseded;
        Ok(())
    }

    /// Removes the objects that are no part of the finished file. A message refers to the file by now.
    pub(super) async fn remove_superseded(&self) {
        let superseded = std::mem::take(&mut *lock(&self.superseded));
        if !superseded.is_empty()
            && let Err(error) = self.bucket.remove(superseded).await
        {
            tracing::debug!(%error, upload = %self.key, "superseded parts stay until the file goes");
        }
    }

    fn path(&self, object: UploadObject) -> Path {
        keys::path(self.bucket.prefix(), &self.key, object)
    }
}

/// The tags of the cells of a file whose blocks have these hashes.
pub(super) fn expected_cells(layout: Layout, hashes: &[BlockHash]) -> Vec<Tag> {
    let blocks = usize::try_from(CELL_BLOCKS).unwrap_or(usize::MAX);
    match layout.blocks() {
        0 => vec![Tag::of(&[])],
        _ => hashes.chunks(blocks).map(Tag::of).collect(),
    }
}

/// Whether all cells of a file are among the objects of its upload, and the objects that are no part of the file.
pub(super) fn superseded(
    layout: Layout,
    hashes: &[BlockHash],
    listed: &[ListedObject],
) -> (bool, Vec<Path>) {
    let expected = expected_cells(layout, hashes);
    let digest = qchat_transfer::file_digest(hashes);
    let is_cell = |index: u64, tag, bytes| {
        let blocks = cell::blocks_of(layout, index);
        usize::try_from(index).ok().and_then(|index| expected.get(index)) == Some(&tag)
            && bytes == cell::object_bytes(layout, index, blocks.end - blocks.start)
    };
    let (mut present, mut others) = (0, Vec::new());
    for ListedObject { path, object, bytes, .. } in listed {
        match *object {
            Some(UploadObject::Cell(index, tag)) if is_cell(index, tag, *bytes) => present += 1,
            Some(UploadObject::BlockList(list)) if list == digest => {}
            _ => others.push(path.clone()),
        }
    }
    (present == expected.len(), others)
}

/// The cells from the first on that are whole, and the first one that is not. Of several objects for a cell, the
/// longest counts: which one is right, the hashes of its blocks tell.
fn whole_cells(layout: Layout, listed: &[ListedObject]) -> Vec<(u64, StoredCell)> {
    let mut best = std::collections::BTreeMap::<u64, StoredCell>::new();
    for ListedObject { object, bytes, .. } in listed {
        let Some(UploadObject::Cell(index, tag)) = *object else { continue };
        let Some(blocks) = cell::blocks_in(layout, index, *bytes) else { continue };
        let longest = best.entry(index).or_insert(StoredCell { tag, blocks });
        if longest.blocks < blocks {
            *longest = StoredCell { tag, blocks };
        }
    }
    let mut found = Vec::new();
    for (expected, (index, stored)) in (0..cell::cells(layout)).zip(best) {
        if index != expected {
            break;
        }
        found.push((index, stored));
        let blocks = cell::blocks_of(layout, index);
        if stored.blocks != blocks.end - blocks.start {
            break;
        }
    }
    found
}

/// The hashes in the first bytes of a cell.
async fn head_of(
    bucket: Bucket,
    key: UploadKey,
    (index, tag): (u64, Tag),
    blocks: u64,
) -> io::Result<Vec<BlockHash>> {
    let object = keys::path(bucket.prefix(), &key, UploadObject::Cell(index, tag));
    let mut head = Vec::new();
    bucket.get_range(&object, 0..cell::head_bytes(blocks), |piece| head.extend(piece)).await?;
    let hashes = cell::decode_head(&head, tag);
    let hashes = hashes.filter(|hashes| u64::try_from(hashes.len()) == Ok(blocks));
    match hashes {
        Some(hashes) => Ok(hashes),
        None => {
            bucket.remove(vec![object.clone()]).await?;
            let what = format!("the stored part {object} was damaged, and is removed");
            Err(io::Error::new(io::ErrorKind::InvalidData, what))
        }
    }
}

impl BlockSink for ObjectUpload {
    fn write_block(
        &self,
        layout: Layout,
        index: u64,
        block: BlockBuffer,
    ) -> JoinHandle<io::Result<BlockHash>> {
        let hashing = spawn_blocking(move || {
            let hash = hash_block(layout, index, block.as_ref());
            (hash, Bytes::from_owner(block))
        });
        let (taken, answer) = oneshot::channel();
        let ordered = self.orders.try_send(Order::Block { index, hashing, taken });
        tokio::spawn(async move {
            ordered.map_err(|_| io::Error::other("too many blocks at once"))?;
            answer.await.map_err(io::Error::other)?
        })
    }
}
