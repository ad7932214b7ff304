use super::*;

const MEBIBYTE: u64 = 1024 * 1024;

#[test]
fn the_head_of_a_cell_is_a_version_a_number_and_the_hashes() {
    let hashes = [BlockHash([1; 32]), BlockHash([2; 32])];
    let (head, tag) = (encode_head(&hashes), Tag::of(&hashes));
    assert_eq!(head, [&[1, 2][..], &[1; 32], &[2; 32]].concat());
    assert_eq!(tag.0[..4], blake3::hash(&head[2..]).as_bytes()[..4]);
    assert_eq!(decode_head(&head, tag).unwrap(), hashes);
    // The bytes of the blocks follow.
    assert_eq!(decode_head(&[&head, &b"bytes"[..]].concat(), tag).unwrap(), hashes);
    let other = [&head[..40], &[9], &head[41..]].concat();
    for damaged in [&head[..65], &other, &[], &[1], &[2, 0], &[&[2], &head[1..]].concat()] {
        assert_eq!(decode_head(damaged, tag), None);
    }
    assert_eq!(decode_head(&encode_head(&[]), Tag::of(&[])), Some(Vec::new()));
}

#[test]
fn blocks_have_their_places_in_a_cell() {
    let layout = Layout::of(5 * MEBIBYTE + 7);
    assert_eq!((cells(layout), cells(Layout::of(0)), cells(Layout::of(1))), (2, 1, 1));
    assert_eq!((blocks_of(layout, 0), blocks_of(layout, 1)), (0..4, 4..6));
    assert_eq!(place_of(layout, 1, 4), 130 + MEBIBYTE..130 + 2 * MEBIBYTE);
    assert_eq!(place_of(layout, 5, 2), 66 + MEBIBYTE..66 + MEBIBYTE + 7);
    assert_eq!(object_bytes(layout, 1, 2), 66 + MEBIBYTE + 7);
}

#[test]
fn the_length_of_an_object_tells_its_blocks() {
    let layout = Layout::of(5 * MEBIBYTE + 7);
    for (cell, blocks) in [(0, 0), (0, 3), (0, 4), (1, 1), (1, 2)] {
        let bytes = object_bytes(layout, cell, blocks);
        assert_eq!(blocks_in(layout, cell, bytes), Some(blocks));
        assert_eq!(blocks_in(layout, cell, bytes + 1), None);
    }
    assert_eq!(blocks_in(layout, 9, 5), None);
}
