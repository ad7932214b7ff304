use super::*;

#[track_caller]
fn check(size: u64, blocks: u64, last: Range<u64>) {
    let layout = Layout::of(size);
    assert_eq!(layout.blocks(), blocks, "{size}");
    assert_eq!(layout.bytes_of(blocks.saturating_sub(1)), last, "{size}");
    assert!(layout.bytes_of(blocks).is_empty() && layout.bytes_of(u64::MAX).is_empty());
}

#[test]
fn only_the_last_block_may_be_short() {
    const B: u64 = BLOCK_BYTES;
    check(0, 0, 0..0);
    check(1, 1, 0..1);
    check(B, 1, 0..B);
    check(B + 1, 2, B..B + 1);
    check(3 * B, 3, 2 * B..3 * B);
    check(u64::MAX, 1 << 44, ((1 << 44) - 1) * B..u64::MAX);
}

#[test]
fn a_block_counts_if_all_its_bytes_are_there() {
    let layout = Layout::of(2 * BLOCK_BYTES + 5);
    for (present, whole) in [
        (0, 0),
        (BLOCK_BYTES - 1, 0),
        (BLOCK_BYTES, 1),
        (2 * BLOCK_BYTES + 4, 2),
        (2 * BLOCK_BYTES + 5, 3),
        (u64::MAX, 3),
    ] {
        assert_eq!(layout.whole_blocks(present), whole, "{present}");
    }
}
