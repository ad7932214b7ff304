use super::*;

fn missing(here: &[u64], blocks: u8) -> Missing {
    let hashes = (0..blocks).map(|number| BlockHash([number; 32])).collect();
    let size = u64::from(blocks) * (1 << 20) - 1;
    let mut missing = Missing::new(Layout::of(size), hashes);
    for &index in here {
        assert!(missing.is_here(index, BlockHash([index.try_into().unwrap(); 32])));
    }
    missing
}

#[track_caller]
fn check(here: &[u64], expected: &[(u64, u64)]) {
    let runs = missing(here, 5).runs().map(BoundedVec::into_vec).unwrap_or_default();
    let runs: Vec<_> = runs.iter().map(|run| (run.first, run.count)).collect();
    assert_eq!(runs, expected, "{here:?}");
}

#[test]
fn missing_blocks_are_asked_for_in_ranges() {
    check(&[], &[(0, 5)]);
    check(&[0, 1], &[(2, 3)]);
    check(&[1, 3], &[(0, 1), (2, 1), (4, 1)]);
    check(&[0, 1, 2, 3, 4], &[]);
    assert_eq!(missing(&[3, 4], 5).bytes_here(), (2 << 20) - 1);
}

#[test]
fn a_request_asks_for_no_more_ranges_than_it_can() {
    let hashes = vec![BlockHash([0; 32]); 2 * BLOCK_RANGES_MAX + 10];
    let mut missing = Missing::new(Layout::of(u64::MAX), hashes);
    for index in (1..2 * 256 + 10).step_by(2) {
        missing.is_here(index, BlockHash([0; 32]));
    }
    assert_eq!(missing.runs().unwrap().len(), BLOCK_RANGES_MAX);
}

#[test]
fn only_wanted_blocks_with_their_hash_are_taken() {
    let mut missing = missing(&[1], 3);
    assert!(missing.begin_block(0).is_ok());
    assert!(missing.begin_block(1).is_err() && missing.begin_block(3).is_err());
    assert!(matches!(missing.block_written(0, BlockHash([9; 32])), Err(ReceiveError::Damaged(0))));
    assert_eq!(missing.count(), 2);
    assert!(missing.block_written(0, BlockHash([0; 32])).is_ok());
    assert!(missing.begin_block(0).is_err());
}
