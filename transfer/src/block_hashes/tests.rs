use qchat_proto::limits::BLOCK_BYTES;

use super::*;
use crate::test_bytes::noise;

#[track_caller]
fn check(bytes: &[u8]) {
    let layout = Layout::of(bytes.len().try_into().unwrap());
    let hashes: Vec<_> = (0..layout.blocks())
        .map(|index| {
            let place = layout.bytes_of(index);
            let place = place.start.try_into().unwrap()..place.end.try_into().unwrap();
            hash_block(layout, index, &bytes[place])
        })
        .collect();
    let expected = Digest(blake3::hash(bytes).into());
    assert_eq!(file_digest(&hashes), expected, "{} bytes", bytes.len());
}

#[test]
fn hashes_merge_to_the_digest_of_the_whole_file() {
    let block = usize::try_from(BLOCK_BYTES).unwrap();
    let bytes = noise(9 * block + 1);
    for blocks in 0..9 {
        for rest in [0, 1, 1024, block - 1] {
            check(&bytes[..blocks * block + rest]);
        }
    }
    check(&bytes);
}

#[test]
fn a_list_that_differs_anywhere_has_another_digest() {
    let hashes: Vec<_> = (0..11).map(|number| BlockHash([number; 32])).collect();
    let whole = file_digest(&hashes);
    for place in 0..hashes.len() {
        let mut other = hashes.clone();
        other[place].0[31] ^= 1;
        assert_ne!(file_digest(&other), whole, "{place}");
        other.remove(place);
        assert_ne!(file_digest(&other), whole, "{place}");
    }
}
