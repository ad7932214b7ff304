use super::*;

#[test]
fn a_block_is_aligned_for_direct_io_and_its_memory_is_used_again() {
    let buffers = BufferPool::of(Layout::of(5 * 1024 * 1024));
    for length in [BLOCK_LENGTH, 7, 0] {
        let (mut one, two) = (buffers.block(length), buffers.block(length));
        one.bytes_mut().fill(1);
        assert_eq!((one.as_ref().len(), two.as_ref().len()), (length, length));
        for block in [one, two] {
            assert_eq!(block.as_ref().as_ptr().align_offset(ALIGNMENT), 0);
        }
    }
    assert_eq!(buffers.spare.lock().unwrap().len(), 2);
}

#[test]
fn a_short_file_takes_little_memory() {
    let block = BufferPool::of(Layout::of(5)).block(5);
    assert!(block.memory.len() <= 5 + ALIGNMENT, "{}", block.memory.len());
}
