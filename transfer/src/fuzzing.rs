//! The entry point of the fuzzer: the stream of a file, and the partial file that it is written to. A test replays the
//! corpus in `fuzz/corpus`.

use std::ops::ControlFlow;
use std::path::Path;

use qchat_proto::file_stream::BlockHeader;
use qchat_proto::{BlockHash, Digest, frame};

use crate::block_hashes::file_digest;
use crate::disk_priority::DiskPriority;
use crate::layout::{BLOCK_LENGTH, Layout};
use crate::partial_file::PartialFile;
use crate::receive::{BlockReceiver, ReceiveError, Received, receive};
use crate::test_bytes::noise;

/// The announced lengths of the file in bytes.
const SIZES: [usize; 6] = [0, 1, 300, BLOCK_LENGTH, BLOCK_LENGTH + 1, 2 * BLOCK_LENGTH + 700];

/// The name of the partial file.
const NAME: &str = "x";

/// Notes the blocks that came.
#[derive(Default)]
struct Notes {
    begun: Vec<u64>,
    arrived: Vec<(u64, BlockHash)>,
}

impl BlockReceiver for Notes {
    fn begin_block(&mut self, index: u64) -> Result<(), ReceiveError> {
        self.begun.push(index);
        Ok(())
    }

    fn block_written(&mut self, index: u64, hash: BlockHash) -> Result<(), ReceiveError> {
        self.arrived.push((index, hash));
        Ok(())
    }
}

/// Receives a file from an arbitrary stream. The first byte of `input` selects the length of the file, the second the
/// length of the partial file before, and the others describe the stream: see [`Script`].
///
/// # Panics
/// If more is written than the file has, a noted block is not in the file, or a wrong digest is accepted.
#[expect(clippy::expect_used, reason = "a fuzzer that cannot work has to stop")]
pub fn stream(input: &[u8]) {
    let [size, left, script @ ..] = input else { return };
    let size = SIZES.get(usize::from(*size) % SIZES.len()).copied().unwrap_or_default();
    let layout = Layout::of(u64::try_from(size).unwrap_or_default());
    let stream = Script { layout, content: noise(size), block: 0 }.stream(script);
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(PartialFile::path(folder.path(), NAME), vec![0xee; usize::from(*left) * 16])
        .expect("a part");
    let part = PartialFile::open(folder.path(), NAME, 0o600, &DiskPriority::default())
        .expect("the part")
        .expect("nobody has it");
    part.truncate(layout).expect("a disk");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let received = runtime.expect("a runtime").block_on(async {
        let to = (part, Notes::default());
        receive(&mut stream.as_slice(), layout, to, std::future::pending(), |_| ()).await
    });
    check(&PartialFile::path(folder.path(), NAME), layout, received);
    let names = std::fs::read_dir(folder.path()).expect("the folder").count();
    assert!(names <= 1, "{names} files");
}

#[expect(clippy::expect_used, reason = "a fuzzer that cannot work has to stop")]
fn check(path: &Path, layout: Layout, received: Received<PartialFile, Notes>) {
    let Received { sink: file, receiver, digest } = received;
    let length = file.bytes().expect("a disk");
    assert!(length <= layout.size(), "{length} of {}", layout.size());
    assert!(receiver.begun.is_sorted_by(|one, other| one < other), "{:?}", receiver.begun);
    assert!(receiver.begun.iter().all(|&index| index < layout.blocks()));
    for (index, hash) in &receiver.arrived {
        let mut there = None;
        let note = |_, hash| {
            there = Some(hash);
            ControlFlow::Continue(())
        };
        file.hash_blocks(layout, *index..*index + 1, note).expect("the block lies there whole");
        assert_eq!(there, Some(*hash), "block {index}");
    }
    let Ok(digest) = digest else { return };
    let hashes: Vec<_> = receiver.arrived.iter().map(|(_, hash)| *hash).collect();
    let is_whole = u64::try_from(hashes.len()).is_ok_and(|blocks| blocks == layout.blocks());
    if is_whole && file_digest(&hashes) == digest {
        let mut content = Vec::new();
        if layout.size() > 0 {
            content = std::fs::read(path).expect("the part");
        }
        assert_eq!(digest, Digest(blake3::hash(&content).into()));
    }
}

/// The description of a stream, in few bytes.
struct Script {
    layout: Layout,
    /// The content of the file.
    content: Vec<u8>,
    /// The last announced block.
    block: u64,
}

impl Script {
    fn stream(mut self, script: &[u8]) -> Vec<u8> {
        let (mut stream, mut left) = (Vec::new(), script);
        while let Some((&word, rest)) = left.split_first() {
            left = rest;
            match word {
                // Raw bytes.
                0..64 => {
                    let (raw, rest) = left.split_at(usize::from(word).min(left.len()));
                    stream.extend_from_slice(raw);
                    left = rest;
                }
                64..96 => self.announce(u64::from(word % 4), &mut stream),
                // The bytes of the block, complete or fewer.
                96..128 => self.put_block(usize::from(word % 8), &mut stream),
                128..160 => self.announce(u64::MAX - u64::from(word % 4), &mut stream),
                // The end, with the right digest.
                160..192 => put_end(Digest(blake3::hash(&self.content).into()), &mut stream),
                _ => put_end(Digest([word; 32]), &mut stream),
            }
        }
        stream
    }

    fn announce(&mut self, block: u64, stream: &mut Vec<u8>) {
        self.block = block;
        stream.extend(frame::encode_frame(&BlockHeader::Block(block)));
    }

    fn put_block(&self, less: usize, stream: &mut Vec<u8>) {
        let place = self.layout.bytes_of(self.block);
        let start = usize::try_from(place.start).unwrap_or(usize::MAX);
        let end = usize::try_from(place.end).unwrap_or(usize::MAX).saturating_sub(less);
        stream.extend_from_slice(self.content.get(start..end).unwrap_or_default());
    }
}

fn put_end(digest: Digest, stream: &mut Vec<u8>) {
    stream.extend(frame::encode_frame(&BlockHeader::End(digest)));
}

#[cfg(test)]
mod tests;
