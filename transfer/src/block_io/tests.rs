use std::io::Write;

use super::*;
use crate::buffer::BufferPool;
use crate::disk_priority::tests::beside_chat;
use crate::test_bytes::noise;

const SIZE: usize = 2 * BLOCK_LENGTH + 77;

/// A file, a file beside which people chat, and a file without direct I/O.
fn disks(content: &[u8]) -> [BlockFile; 3] {
    [Some(DiskPriority::default()), Some(beside_chat()), None].map(|priority| {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        match priority {
            Some(priority) => BlockFile::receiving(file, priority),
            None => BlockFile::cached(file),
        }
    })
}

fn layout() -> Layout {
    Layout::of(SIZE.try_into().unwrap())
}

fn block(disk: &BlockFile, index: u64) -> io::Result<BlockBuffer> {
    let layout = layout();
    let length = layout.length_of(index).try_into().unwrap();
    let mut block = BufferPool::of(layout).block(length);
    disk.read(layout, index, &mut block).map(|()| block)
}

#[test]
fn written_blocks_are_read_back_in_each_mode() {
    let content = noise(SIZE);
    for disk in disks(b"") {
        for (index, bytes) in (0_u64..).zip(content.chunks(BLOCK_LENGTH)) {
            let position = layout().bytes_of(index).start;
            let mut block = BufferPool::of(layout()).block(bytes.len());
            block.bytes_mut().copy_from_slice(bytes);
            disk.write(block.as_ref(), position).unwrap();
        }
        for (index, bytes) in (0_u64..).zip(content.chunks(BLOCK_LENGTH)) {
            assert!(block(&disk, index).unwrap().as_ref() == bytes, "{index}");
        }
        assert_eq!(disk.file.metadata().unwrap().len(), layout().size());
    }
}

#[test]
fn an_incomplete_block_is_an_unexpected_end() {
    for disk in disks(&noise(BLOCK_LENGTH + 5)) {
        assert!(block(&disk, 0).is_ok());
        for index in [1, 2] {
            let error = block(&disk, index).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{index}");
        }
    }
}

#[test]
fn bytes_that_are_not_aligned_in_memory_are_written() {
    for disk in disks(b"") {
        let bytes = noise(BLOCK_LENGTH + 1);
        disk.write(&bytes[1..], 0).unwrap();
        assert!(block(&disk, 0).unwrap().as_ref() == &bytes[1..]);
    }
}
