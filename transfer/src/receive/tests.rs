//! Streams that bring a file, and streams that are not valid.

use std::future::pending;

use super::*;
use crate::disk_priority::DiskPriority;
use crate::test_bytes::noise;

const BLOCK: usize = 1024 * 1024;

/// Accepts each block, and keeps the hashes.
#[derive(Default)]
struct Hashes(Vec<(u64, BlockHash)>);

impl BlockReceiver for Hashes {
    fn begin_block(&mut self, _: u64) -> Result<(), ReceiveError> {
        Ok(())
    }

    fn block_written(&mut self, index: u64, hash: BlockHash) -> Result<(), ReceiveError> {
        self.0.push((index, hash));
        Ok(())
    }
}

fn block(index: u64, bytes: &[u8]) -> Vec<u8> {
    [frame::encode_frame(&BlockHeader::Block(index)), bytes.to_vec()].concat()
}

fn end() -> Vec<u8> {
    frame::encode_frame(&BlockHeader::End(Digest([7; 32])))
}

struct Case {
    folder: tempfile::TempDir,
    layout: Layout,
}

impl Case {
    fn of(size: usize) -> Self {
        let layout = Layout::of(size.try_into().unwrap());
        Self { folder: tempfile::tempdir().unwrap(), layout }
    }

    fn part(&self) -> PartialFile {
        PartialFile::open(self.folder.path(), "x", 0o600, &DiskPriority::default())
            .unwrap()
            .unwrap()
    }

    async fn receive(&self, stream: &[u8]) -> Received<PartialFile, Hashes> {
        let to = (self.part(), Hashes::default());
        receive(&mut &stream[..], self.layout, to, pending(), |_| ()).await
    }

    fn content(&self) -> Vec<u8> {
        std::fs::read(PartialFile::path(self.folder.path(), "x")).unwrap()
    }
}

#[tokio::test]
async fn a_received_file_is_the_one_that_was_sent() {
    let content = noise(2 * BLOCK + 1);
    for length in [0, 1, 65_536, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 2 * BLOCK + 1] {
        let case = Case::of(length);
        let blocks = content[..length].chunks(BLOCK).zip(0..);
        let mut stream: Vec<_> = blocks.flat_map(|(bytes, index)| block(index, bytes)).collect();
        stream.extend(end());
        let received = case.receive(&stream).await;
        assert_eq!(received.digest.unwrap(), Digest([7; 32]));
        assert!(case.content() == content[..length], "{length} bytes");
        let hashes: Vec<_> = received.receiver.0.into_iter().map(|(_, hash)| hash).collect();
        let expected = Digest(blake3::hash(&content[..length]).into());
        assert_eq!(crate::block_hashes::file_digest(&hashes), expected, "{length} bytes");
    }
}

#[tokio::test]
async fn blocks_before_a_cut_stay() {
    let content = noise(2 * BLOCK);
    let stream = [block(0, &content[..BLOCK]), block(1, &content[BLOCK..])].concat();
    for cut in [0, 1, 20, BLOCK + 6, BLOCK + 30, 2 * BLOCK - 1, stream.len() - 1, stream.len()] {
        let case = Case::of(2 * BLOCK);
        let received = case.receive(&stream[..cut]).await;
        assert!(matches!(received.digest, Err(ReceiveError::Stream(_))), "{cut}");
        let whole = (0_u64..).zip([BLOCK + 6, 2 * BLOCK + 12]).filter(|(_, end)| *end <= cut);
        let whole: Vec<_> = whole.map(|(index, _)| index).collect();
        let told: Vec<_> = received.receiver.0.iter().map(|(index, _)| *index).collect();
        assert_eq!(told, whole, "{cut}");
        assert_eq!(case.content()[..told.len() * BLOCK], content[..told.len() * BLOCK]);
    }
}

#[tokio::test]
async fn a_block_overwrites_only_its_own_position() {
    let case = Case::of(2 * BLOCK + 5);
    let old = noise(2 * BLOCK + 5);
    case.part().disk().write(&old, 0).unwrap();
    let received = case.receive(&[block(1, &[9; BLOCK]), end()].concat()).await;
    received.digest.unwrap();
    let expected = [&old[..BLOCK], &[9; BLOCK], &old[2 * BLOCK..]].concat();
    assert!(case.content() == expected);
}

#[tokio::test]
async fn an_invalid_stream_ends_the_transfer() {
    let first = block(0, &[1; BLOCK]);
    for (what, stream) in [
        ("the same twice", [first.clone(), first.clone()].concat()),
        ("descending", [block(1, &[1; 5]), first.clone()].concat()),
        ("beyond the end", block(2, &[1; 5])),
        ("far beyond the end", block(u64::MAX, &[1; 5])),
        ("no header", vec![0, 0, 0, 1, 9]),
        ("a long header", vec![0xff; 40]),
    ] {
        let received = Case::of(BLOCK + 5).receive(&[stream, end()].concat()).await;
        assert!(matches!(received.digest, Err(ReceiveError::Invalid(_))), "{what}");
    }
}

#[tokio::test]
async fn a_stopped_transfer_releases_its_partial_file() {
    let case = Case::of(BLOCK);
    let (mut stream, mut peer) = tokio::io::duplex(64);
    tokio::io::AsyncWriteExt::write_all(&mut peer, &block(0, &[1; 9])).await.unwrap();
    let to = (case.part(), Hashes::default());
    let stopped = tokio::task::yield_now();
    let received = receive(&mut stream, case.layout, to, stopped, |_| ()).await;
    assert!(matches!(received.digest, Err(ReceiveError::Stopped)));
    drop(received);
    case.part();
}
