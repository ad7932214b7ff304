//! The blocks of a file that are still to be fetched, each with its hash.

use qchat_proto::command::{BlockPage, BlockRange, FileBlocks, FileQuery, Log};
use qchat_proto::limits::{BLOCK_RANGES_MAX, FILE_BYTES_MAX};
use qchat_proto::{BlockHash, BoundedVec, File};
use qchat_transfer::{BlockReceiver, Layout, ReceiveError};

use crate::client::Client;
use crate::error::{CallError, DamagedError};

/// Asks for a file and the hashes of all its blocks, and checks them by the file's digest.
pub(crate) async fn block_list(
    client: &Client,
    log: &Log,
    name: &str,
) -> Result<(File, Vec<BlockHash>), CallError> {
    let ask = |file: FileQuery, first: usize| FileBlocks {
        log: log.clone(),
        file,
        first: u64::try_from(first).unwrap_or(u64::MAX),
    };
    let BlockPage { file, values: hashes } = client.ask(ask(FileQuery::from(name), 0)).await?;
    let wrong = || CallError::from(DamagedError::BlockList(file.name.clone()));
    if file.size > FILE_BYTES_MAX {
        return Err(wrong());
    }
    let blocks = usize::try_from(Layout::of(file.size).blocks()).map_err(|_| wrong())?;
    let mut hashes = hashes.into_vec();
    while hashes.len() < blocks {
        let query = FileQuery::from(file.name.as_str());
        let page: BlockPage = client.ask(ask(query, hashes.len())).await?;
        if page.file != file || page.values.is_empty() {
            return Err(wrong());
        }
        hashes.extend_from_slice(&page.values);
    }
    match hashes.len() == blocks && qchat_transfer::file_digest(&hashes) == file.digest {
        true => Ok((file, hashes)),
        false => Err(wrong()),
    }
}

/// The blocks of one file: those that are here, and those that are not.
#[derive(Debug)]
pub(crate) struct Missing {
    layout: Layout,
    blocks: Vec<Block>,
}

#[derive(Debug)]
struct Block {
    value: BlockHash,
    is_here: bool,
}

impl Missing {
    /// Nothing is here yet.
    pub(crate) fn new(layout: Layout, hashes: Vec<BlockHash>) -> Self {
        let block = |value| Block { value, is_here: false };
        Self { layout, blocks: hashes.into_iter().map(block).collect() }
    }

    pub(crate) fn layout(&self) -> Layout {
        self.layout
    }

    /// Notes that a block with this hash is here; returns whether it is the right one.
    pub(crate) fn is_here(&mut self, index: u64, value: BlockHash) -> bool {
        match self.block(index) {
            Some(block) if block.value == value => {
                block.is_here = true;
                true
            }
            _ => false,
        }
    }

    fn block(&mut self, index: u64) -> Option<&mut Block> {
        usize::try_from(index).ok().and_then(|index| self.blocks.get_mut(index))
    }

    /// The number of missing blocks.
    pub(crate) fn count(&self) -> usize {
        self.blocks.iter().filter(|block| !block.is_here).count()
    }

    /// The number of bytes that are here.
    pub(crate) fn bytes_here(&self) -> u64 {
        let here = (0_u64..).zip(&self.blocks).filter(|(_, block)| block.is_here);
        here.map(|(index, _)| self.layout.bytes_of(index))
            .map(|bytes| bytes.end - bytes.start)
            .sum()
    }

    /// The first ranges of missing blocks, as many as one request can ask for; `None` if all are here.
    pub(crate) fn runs(&self) -> Option<BoundedVec<BlockRange, BLOCK_RANGES_MAX>> {
        let mut runs: Vec<BlockRange> = Vec::new();
        for (index, _) in (0_u64..).zip(&self.blocks).filter(|(_, block)| !block.is_here) {
            let is_full = runs.len() == BLOCK_RANGES_MAX;
            match runs.last_mut() {
                Some(run) if run.first.saturating_add(run.count) == index => run.count += 1,
                _ if is_full => break,
                _ => runs.push(BlockRange { first: index, count: 1 }),
            }
        }
        (!runs.is_empty()).then(|| BoundedVec::first_of(runs))
    }
}

impl BlockReceiver for Missing {
    fn begin_block(&mut self, index: u64) -> Result<(), ReceiveError> {
        match self.block(index) {
            // It would overwrite a right block.
            Some(Block { is_here: true, .. }) | None => {
                Err(ReceiveError::Invalid("a block that nobody asked for"))
            }
            Some(_) => Ok(()),
        }
    }

    fn block_written(&mut self, index: u64, value: BlockHash) -> Result<(), ReceiveError> {
        match self.is_here(index, value) {
            true => Ok(()),
            false => Err(ReceiveError::Damaged(index)),
        }
    }
}

#[cfg(test)]
mod tests;
