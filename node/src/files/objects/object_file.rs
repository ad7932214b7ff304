//! A stored file in the store of objects, open for reading.

use std::any::Any;
use std::io;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use qchat_proto::BlockHash;
use qchat_transfer::{BlockBuffer, BlockSource, BufferPool, HashedBlock, Layout, hash_block};
use tokio::task::{JoinHandle, spawn_blocking};

use super::bucket::Bucket;
use super::cell::{self, CELL_BLOCKS, Tag};
use super::keys::{UploadObject, path};
use crate::files::upload_key::UploadKey;
use crate::lock::lock;

/// A file whose message exists. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct ObjectFile(Arc<ObjectsOfFile>);

#[derive(Debug)]
struct ObjectsOfFile {
    bucket: Bucket,
    key: UploadKey,
    /// The tags of its cells.
    tags: Vec<Tag>,
    held: Mutex<Vec<Box<dyn Any + Send>>>,
}

impl ObjectFile {
    pub(super) fn new(bucket: Bucket, key: UploadKey, tags: Vec<Tag>) -> Self {
        Self(Arc::new(ObjectsOfFile { bucket, key, tags, held: Mutex::default() }))
    }

    /// Keeps `guard` until no task reads the file.
    pub(crate) fn keep_guard(&self, guard: impl Send + 'static) {
        lock(&self.0.held).push(Box::new(guard));
    }

    /// Fills `block` from the store; `false` if the object is missing or has other bytes than it should.
    async fn fill(&self, layout: Layout, index: u64, block: &mut BlockBuffer) -> io::Result<bool> {
        let cell = index / CELL_BLOCKS;
        let tag = usize::try_from(cell).ok().and_then(|cell| self.0.tags.get(cell));
        let Some(tag) = tag else { return Ok(false) };
        let object = path(self.0.bucket.prefix(), &self.0.key, UploadObject::Cell(cell, *tag));
        let blocks = cell::blocks_of(layout, cell);
        let blocks = blocks.end - blocks.start;
        let (mut rest, place) = (block.bytes_mut(), cell::place_of(layout, index, blocks));
        let take = |piece: &[u8]| {
            let (to, after) =
                std::mem::take(&mut rest).split_at_mut_checked(piece.len()).unwrap_or_default();
            to.copy_from_slice(piece.get(..to.len()).unwrap_or_default());
            rest = after;
        };
        let read = self.0.bucket.get_range(&object, place, take).await;
        match read {
            Ok(()) => Ok(rest.is_empty()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            // A range beyond the end of an object is an error like any other.
            Err(error) => match self.0.bucket.length(&object).await {
                Ok(length) if length != cell::object_bytes(layout, cell, blocks) => Ok(false),
                _ => Err(error),
            },
        }
    }
}

impl BlockSource for ObjectFile {
    /// A block that is missing or incomplete comes without bytes and with a hash that no block has.
    fn read_block(
        &self,
        layout: Layout,
        index: u64,
        buffers: &BufferPool,
    ) -> JoinHandle<io::Result<HashedBlock>> {
        let (file, buffers) = (self.clone(), buffers.clone());
        tokio::spawn(async move {
            let length = usize::try_from(layout.length_of(index)).unwrap_or_default();
            let mut block = buffers.block(length);
            if !file.fill(layout, index, &mut block).await? {
                return Ok(HashedBlock { hash: BlockHash([0; 32]), bytes: Bytes::new() });
            }
            let hashed = spawn_blocking(move || {
                let hash = hash_block(layout, index, block.as_ref());
                HashedBlock { hash, bytes: Bytes::from_owner(block) }
            });
            hashed.await.map_err(io::Error::other)
        })
    }
}
