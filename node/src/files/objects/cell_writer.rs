//! The task that gathers the blocks of one upload into cells and writes the cells.

use std::collections::BTreeMap;
use std::io;

use bytes::Bytes;
use object_store::PutPayload;
use qchat_proto::BlockHash;
use qchat_transfer::Layout;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};

use super::bucket::Bucket;
use super::cell::{self, CELL_BLOCKS, Tag};
use super::keys::{UploadObject, path};
use super::uploads_here::UploadsHere;
use crate::files::upload_key::UploadKey;

/// The most cells that one upload writes at the same time, beside the one that it fills.
const PUTS_OF_UPLOAD_MAX: usize = 3;

/// A cell that lies in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StoredCell {
    pub(super) tag: Tag,
    /// How many of its blocks it has, from the first on.
    pub(super) blocks: u64,
}

/// A block whose hash is being worked out.
type Hashing = JoinHandle<(BlockHash, Bytes)>;

/// A request to the task.
#[derive(Debug)]
pub(super) enum Order {
    /// Take a block. The answer comes once the block is in a cell; the cell may still be in memory.
    Block { index: u64, hashing: Hashing, taken: oneshot::Sender<io::Result<BlockHash>> },
    /// Write everything. The answer comes once all blocks are durable.
    Flush { done: oneshot::Sender<io::Result<()>> },
}

/// The state of the task.
pub(super) struct CellWriter {
    pub(super) bucket: Bucket,
    pub(super) key: UploadKey,
    pub(super) layout: Layout,
    /// The cells that lie in the store already.
    pub(super) stored: BTreeMap<u64, StoredCell>,
    pub(super) uploads_here: UploadsHere,
    filling: Option<FillingCell>,
    putting: JoinSet<io::Result<(u64, StoredCell)>>,
    has_failed: bool,
}

/// The cell that takes blocks now.
struct FillingCell {
    index: u64,
    blocks: BTreeMap<u64, (BlockHash, Bytes)>,
}

impl CellWriter {
    pub(super) fn new(
        (bucket, uploads_here): (Bucket, UploadsHere),
        key: UploadKey,
        layout: Layout,
        stored: BTreeMap<u64, StoredCell>,
    ) -> Self {
        let (filling, putting) = (None, JoinSet::new());
        Self { bucket, key, layout, stored, uploads_here, filling, putting, has_failed: false }
    }

    /// Follows the orders until nobody gives any, and writes what is left.
    pub(super) async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        while let Some(order) = orders.recv().await {
            // The asker may have gone away.
            match order {
                Order::Block { index, hashing, taken } => {
                    let result = self.take(index, hashing).await;
                    let _ = taken.send(result);
                }
                Order::Flush { done } => {
                    let result = self.flush().await;
                    let _ = done.send(result);
                }
            }
        }
        if let Err(error) = self.flush().await {
            tracing::debug!(%error, upload = %self.key, "the last blocks of an upload are lost");
        }
    }

    async fn take(&mut self, index: u64, hashing: Hashing) -> io::Result<BlockHash> {
        let (hash, bytes) = hashing.await.map_err(io::Error::other)?;
        while let Some(put) = self.putting.try_join_next() {
            self.note(put.map_err(io::Error::other))?;
        }
        self.check()?;
        let cell = index / CELL_BLOCKS;
        if self.filling.as_ref().is_some_and(|filling| filling.index != cell) {
            self.write_cell().await?;
        }
        let filling = self
            .filling
            .get_or_insert_with(|| FillingCell { index: cell, blocks: BTreeMap::new() });
        filling.blocks.insert(index, (hash, bytes));
        if index.saturating_add(1) == cell::blocks_of(self.layout, cell).end {
            self.write_cell().await?;
        }
        Ok(hash)
    }

    async fn flush(&mut self) -> io::Result<()> {
        // The store is away. Another attempt would keep the client waiting.
        self.check()?;
        // An empty file has one cell as well.
        if self.layout.blocks() == 0 && self.stored.is_empty() {
            self.filling = Some(FillingCell { index: 0, blocks: BTreeMap::new() });
        }
        let written = self.write_cell().await;
        while let Some(put) = self.putting.join_next().await {
            // An error is noted, and told below.
            let _ = self.note(put.map_err(io::Error::other));
        }
        written?;
        self.check()
    }

    /// Begins to write the cell that was filled. Blocks of the cell that did not come are taken from the store.
    async fn write_cell(&mut self) -> io::Result<()> {
        let Some(FillingCell { index, mut blocks }) = self.filling.take() else { return Ok(()) };
        self.add_stored_blocks(index, &mut blocks).await?;
        while self.putting.len() >= PUTS_OF_UPLOAD_MAX
            && let Some(put) = self.putting.join_next().await
        {
            self.note(put.map_err(io::Error::other))?;
        }
        let permit = self.bucket.put_permit().await?;
        let (hashes, bytes): (Vec<_>, Vec<_>) = blocks.into_values().unzip();
        let written = StoredCell {
            tag: Tag::of(&hashes),
            blocks: u64::try_from(hashes.len()).unwrap_or(u64::MAX),
        };
        let object = path(self.bucket.prefix(), &self.key, UploadObject::Cell(index, written.tag));
        let content: PutPayload =
            std::iter::once(cell::encode_head(&hashes)).chain(bytes).collect();
        let bucket = self.bucket.clone();
        // The signature hashes the whole cell, which would hold up a thread of the runtime.
        self.putting.spawn_blocking(move || {
            let _permit = permit;
            Handle::current().block_on(bucket.put(&object, content)).map(|()| (index, written))
        });
        Ok(())
    }

    /// Adds the blocks of the stored cell that are missing in `blocks`.
    async fn add_stored_blocks(
        &self,
        index: u64,
        blocks: &mut BTreeMap<u64, (BlockHash, Bytes)>,
    ) -> io::Result<()> {
        let first = cell::blocks_of(self.layout, index).start;
        let stored = self.stored.get(&index);
        let kept = first.saturating_add(stored.map_or(0, |stored| stored.blocks));
        let newest = blocks.last_key_value().map_or(first, |(last, _)| last.saturating_add(1));
        let end = kept.max(newest);
        if (first..end).all(|index| blocks.contains_key(&index)) {
            return Ok(());
        }
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "a stored cell is damaged");
        let StoredCell { tag, blocks: count } = *stored.ok_or_else(damaged)?;
        let object = path(self.bucket.prefix(), &self.key, UploadObject::Cell(index, tag));
        let content = self.bucket.get(&object).await?;
        let hashes = cell::decode_head(&content, tag).ok_or_else(damaged)?;
        for (block, hash) in (first..kept).zip(hashes) {
            let place = cell::place_of(self.layout, block, count);
            let (start, end) = (usize::try_from(place.start), usize::try_from(place.end));
            let bytes = start.ok().zip(end.ok()).filter(|(_, end)| *end <= content.len());
            let (start, end) = bytes.ok_or_else(damaged)?;
            blocks.entry(block).or_insert_with(|| (hash, content.slice(start..end)));
        }
        match (first..end).all(|index| blocks.contains_key(&index)) {
            true => Ok(()),
            false => Err(damaged()),
        }
    }

    /// Takes note of a cell that was written, or of the first failure.
    fn note(&mut self, put: io::Result<io::Result<(u64, StoredCell)>>) -> io::Result<()> {
        let written = put.and_then(|written| written);
        match written {
            Ok((index, written)) => {
                let before = self.stored.insert(index, written);
                let bytes = |cell: StoredCell| cell::object_bytes(self.layout, index, cell.blocks);
                let before = before.map_or(0, bytes);
                self.uploads_here.grow(&self.key, bytes(written).saturating_sub(before));
                Ok(())
            }
            Err(error) => {
                self.has_failed = true;
                Err(error)
            }
        }
    }

    fn check(&self) -> io::Result<()> {
        match self.has_failed {
            // The first failure was told with its reason.
            true => Err(io::Error::new(io::ErrorKind::NotConnected, "a part was not stored")),
            false => Ok(()),
        }
    }
}
