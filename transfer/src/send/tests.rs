use std::io::Write;
use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::timeout;

use super::*;
use crate::disk_priority::tests::beside_chat;
use crate::test_bytes::noise;

/// Sends every block but one, and keeps the hashes.
struct AllBut(Option<u64>, Vec<BlockHash>);

impl BlockFilter for AllBut {
    async fn wants(&mut self, index: u64, hash: BlockHash) -> Result<bool, SendError> {
        self.1.push(hash);
        Ok(self.0 != Some(index))
    }

    async fn digest(&mut self) -> Result<Digest, SendError> {
        Ok(crate::block_hashes::file_digest(&self.1))
    }
}

impl ByteSink for Vec<u8> {
    async fn write(&mut self, bytes: &mut Bytes) -> io::Result<usize> {
        let taken = std::mem::take(bytes);
        self.extend_from_slice(&taken);
        Ok(taken.len())
    }
}

fn file_with(content: &[u8]) -> Arc<BlockFile> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content).unwrap();
    Arc::new(BlockFile::cached(file))
}

async fn sent(content: &[u8], size: usize, but: Option<u64>) -> (Vec<u8>, [u64; 2], bool) {
    let layout = Layout::of(size.try_into().unwrap());
    let (mut stream, mut told) = (Vec::new(), [0, 0]);
    let mut filter = AllBut(but, Vec::new());
    let blocks = (layout.every_block(), &mut filter);
    let sent = send(file_with(content), layout, blocks, &mut stream, |step| match step {
        SendProgress::Kept(bytes) => told[0] += bytes,
        SendProgress::Sent(bytes) => told[1] += bytes,
    });
    let is_shorter = matches!(sent.await, Err(SendError::Shorter));
    (stream, told, is_shorter)
}

fn block(index: u64, bytes: &[u8]) -> Vec<u8> {
    [&header(BlockHeader::Block(index)), bytes].concat()
}

#[tokio::test]
async fn exactly_the_announced_bytes_are_sent_and_the_digest() {
    let content = noise(5 * BLOCK_LENGTH + 9);
    let size = content.len() - 1;
    let end = header(BlockHeader::End(Digest(blake3::hash(&content[..size]).into())));
    let blocks = content[..size].chunks(BLOCK_LENGTH).zip(0..);
    let blocks: Vec<_> = blocks.map(|(bytes, index)| block(index, bytes)).collect();
    let all = [&blocks.concat()[..], &end].concat();
    assert_eq!(sent(&content, size, None).await, (all, [0, (5 << 20) + 8], false));
    let without = [&blocks[1..].concat()[..], &end].concat();
    assert_eq!(sent(&content, size, Some(0)).await, (without, [1 << 20, (4 << 20) + 8], false));
}

#[tokio::test]
async fn a_file_that_shrank_is_an_error() {
    assert!(sent(b"abc", 4, None).await.2);
    assert!(sent(&noise(BLOCK_LENGTH), BLOCK_LENGTH + 1, None).await.2);
}

#[tokio::test]
async fn a_guard_of_a_file_is_dropped_when_its_last_read_has_ended() {
    let (priority, guard) = (beside_chat(), Arc::new(()));
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&noise(3 * BLOCK_LENGTH)).unwrap();
    let disk = Arc::new(BlockFile::received(file, priority.clone()));
    disk.keep_guard(Arc::clone(&guard));
    let (layout, mut stream) = (Layout::of(3 << 20), Vec::new());
    let mut filter = AllBut(None, Vec::new());
    // The reads wait for the disk.
    let access = priority.access();
    let blocks = (layout.every_block(), &mut filter);
    let sending = send(disk, layout, blocks, &mut stream, |_| ());
    assert!(timeout(Duration::from_millis(10), sending).await.is_err());
    assert_eq!(Arc::strong_count(&guard), 2, "dropped while the file is read");
    drop(access);
    let free = async {
        while Arc::strong_count(&guard) > 1 {
            yield_now().await;
        }
    };
    timeout(Duration::from_secs(60), free).await.unwrap();
}
