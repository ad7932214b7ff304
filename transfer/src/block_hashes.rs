//! The values of a file's blocks, and how they merge to its digest.
//!
//! A block is a whole subtree of the file's BLAKE3 tree, and its value is that subtree's chaining value
//! (section 2.1 of the BLAKE3 paper). So a list of values proves itself against the digest that `b3sum`
//! prints, and each block can be checked alone.

use blake3::Hasher;
use blake3::hazmat::{
    ChainingValue, HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root,
};
use qchat_proto::{BlockValue, Digest};

use crate::layout::Layout;

/// The value of a block that lies in memory, and is not empty.
pub(crate) fn value_of(layout: Layout, index: u64, bytes: &[u8]) -> BlockValue {
    let mut hasher = Hasher::new();
    hasher.set_input_offset(layout.bytes_of(index).start);
    hasher.update(bytes);
    // The only block of a file is the root of its tree.
    BlockValue(match layout.blocks() {
        1 => hasher.finalize().into(),
        _ => hasher.finalize_non_root(),
    })
}

/// The digest of the file whose blocks have these values, in order.
pub fn digest(values: &[BlockValue]) -> Digest {
    match values {
        [] => Digest(blake3::hash(b"").into()),
        [root] => Digest(root.0),
        _ => {
            let (left, right) = halves(values);
            let root = merge_subtrees_root(&subtree(left), &subtree(right), Mode::Hash);
            Digest(root.into())
        }
    }
}

/// As deep as the logarithm of the number of values.
fn subtree(values: &[BlockValue]) -> ChainingValue {
    match values {
        [value] => value.0,
        _ => {
            let (left, right) = halves(values);
            merge_subtrees_non_root(&subtree(left), &subtree(right), Mode::Hash)
        }
    }
}

/// The left subtree is the largest whole one that leaves something for the right. Of two or more.
fn halves(values: &[BlockValue]) -> (&[BlockValue], &[BlockValue]) {
    values.split_at(values.len().next_power_of_two() / 2)
}

#[cfg(test)]
mod tests {
    use qchat_proto::limits::BLOCK_BYTES;

    use super::*;
    use crate::test_bytes::noise;

    #[track_caller]
    fn check(bytes: &[u8]) {
        let layout = Layout::of(bytes.len().try_into().unwrap());
        let values: Vec<_> = (0..layout.blocks())
            .map(|index| {
                let place = layout.bytes_of(index);
                let place = place.start.try_into().unwrap()..place.end.try_into().unwrap();
                value_of(layout, index, &bytes[place])
            })
            .collect();
        let expected = Digest(blake3::hash(bytes).into());
        assert_eq!(digest(&values), expected, "{} bytes", bytes.len());
    }

    #[test]
    fn values_merge_to_the_digest_of_the_whole_file() {
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
        let values: Vec<_> = (0..11).map(|number| BlockValue([number; 32])).collect();
        let whole = digest(&values);
        for place in 0..values.len() {
            let mut other = values.clone();
            other[place].0[31] ^= 1;
            assert_ne!(digest(&other), whole, "{place}");
            other.remove(place);
            assert_ne!(digest(&other), whole, "{place}");
        }
    }
}
