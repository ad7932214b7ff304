use std::fs::File;

use qchat_proto::Digest;
use qchat_transfer::DiskPriority;

use super::*;

const SIZE: usize = 2 * 1024 * 1024 + 7;

/// A stored file of three blocks.
fn stored(folder: &Path) -> (qchat_proto::File, Arc<BlockFile>) {
    let path = folder.join("stored");
    let mut bytes = vec![0; SIZE];
    blake3::Hasher::new().finalize_xof().fill(&mut bytes);
    std::fs::write(&path, &bytes).unwrap();
    let file = qchat_proto::File {
        name: "1763833207123_a.bin".parse().unwrap(),
        original: "a.bin".into(),
        size: SIZE.try_into().unwrap(),
        digest: Digest(blake3::hash(&bytes).into()),
    };
    (file, Arc::new(BlockFile::received(File::open(path).unwrap(), DiskPriority::default())))
}

#[tokio::test]
async fn a_missing_or_damaged_list_is_computed_from_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let lists = BlockLists::open(folder.path()).unwrap();
    let (file, stored) = stored(folder.path());
    let path = lists.path(&file.name);
    let hashes = lists.get(&file, &stored).await.unwrap();
    assert_eq!((hashes.len(), file_digest(&hashes)), (3, file.digest));
    let kept = std::fs::read(&path).unwrap();
    assert_eq!(kept.len(), 3 * HASH_BYTES);
    let mut flipped = kept.clone();
    flipped[40] ^= 1;
    for damaged in [&flipped[..], &kept[..64], &[&kept[..], &[0; 32]].concat(), b""] {
        std::fs::write(&path, damaged).unwrap();
        assert_eq!(lists.get(&file, &stored).await.unwrap(), hashes);
        assert_eq!(std::fs::read(&path).unwrap(), kept);
    }
}

#[tokio::test]
async fn a_long_list_counts_as_rows_of_the_store_do() {
    let folder = tempfile::tempdir().unwrap();
    let lists = BlockLists::open(folder.path()).unwrap();
    let (file, stored) = stored(folder.path());
    let hashes = vec![BlockHash([0; 32]); 1600];
    let (size, digest) = (1600 * 1024 * 1024, file_digest(&hashes));
    let long = qchat_proto::File { size, digest, ..file };
    lists.save(&long.name, hashes.clone()).await.unwrap();
    let rows_read = RowsRead::default();
    assert_eq!(rows_read.count(lists.get(&long, &stored)).await.unwrap(), hashes);
    assert_eq!(rows_read.take(), 100);
}

#[tokio::test]
async fn an_unfinished_list_is_removed_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let lists = BlockLists::open(folder.path()).unwrap();
    let name = "1763833207123_a.bin".parse().unwrap();
    lists.save(&name, vec![BlockHash([0; 32]); 2]).await.unwrap();
    let (_, unfinished) = new_list(&lists.folder).unwrap().keep().unwrap();
    BlockLists::open(folder.path()).unwrap();
    assert!(!unfinished.exists() && lists.path(&name).exists());
}

#[tokio::test]
async fn no_list_is_computed_from_a_damaged_file() {
    let folder = tempfile::tempdir().unwrap();
    let lists = BlockLists::open(folder.path()).unwrap();
    let (file, stored) = stored(folder.path());
    let other = qchat_proto::File { digest: Digest([1; 32]), ..file };
    assert!(matches!(lists.get(&other, &stored).await, Err(CommandError::Failed(_))));
    assert!(!lists.path(&other.name).exists());
}
