//! Two servers that share a store of objects in memory.

use std::sync::Arc;

use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use qchat_proto::ClientId;
use qchat_transfer::{BlockSink, BlockSource, BufferPool};

use super::*;

const BLOCK: usize = 1024 * 1024;

/// Longer than any test.
const LONG: Duration = Duration::from_secs(3600);

struct Servers {
    objects: Arc<InMemory>,
    one: ObjectStorage,
    other: ObjectStorage,
}

impl Servers {
    fn start() -> Self {
        let objects = Arc::new(InMemory::new());
        let server = || ObjectStorage::new(Bucket::new(objects.clone(), Path::from("p")));
        Self { one: server(), other: server(), objects }
    }

    async fn paths(&self) -> Vec<String> {
        let listed: Vec<_> = self.objects.list(None).collect().await;
        listed.into_iter().map(|object| object.unwrap().location.to_string()).collect()
    }

    /// The cells that are stored for blocks from `first` on.
    async fn cells(&self, index: u64) -> Vec<Path> {
        let paths = self.paths().await.into_iter();
        paths.filter(|path| path.contains(&format!("/{index:08x}-"))).map(Path::from).collect()
    }
}

fn key() -> UploadKey {
    UploadKey { user: "alice".parse().unwrap(), id: ClientId([7; 16]) }
}

fn noise(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().finalize_xof().fill(&mut bytes);
    bytes
}

fn layout(content: &[u8]) -> Layout {
    Layout::of(content.len().try_into().unwrap())
}

/// Opens the upload at a server.
async fn open(server: &ObjectStorage, content: &[u8]) -> (ObjectUpload, u64) {
    server.open_upload(&key(), layout(content), ()).await.unwrap()
}

/// Writes these blocks of the content.
async fn write(upload: &ObjectUpload, content: &[u8], blocks: impl IntoIterator<Item = usize>) {
    let buffers = BufferPool::of(layout(content));
    for index in blocks {
        let bytes = content.chunks(BLOCK).nth(index).unwrap();
        let mut block = buffers.block(bytes.len());
        block.bytes_mut().copy_from_slice(bytes);
        let index = index.try_into().unwrap();
        upload.write_block(layout(content), index, block).await.unwrap().unwrap();
    }
}

fn hashes(content: &[u8]) -> Vec<BlockHash> {
    let blocks = content.chunks(BLOCK).zip(0..);
    blocks.map(|(bytes, index)| qchat_transfer::hash_block(layout(content), index, bytes)).collect()
}

async fn finish(server: &ObjectStorage, upload: &ObjectUpload, content: &[u8]) -> File {
    let named = (Timestamp::from_milliseconds(1_763_833_207_123), &"a.bin".into());
    let name = server.finish(upload, &hashes(content), named).await.unwrap();
    file(content, name)
}

fn file(content: &[u8], name: StoredName) -> File {
    let (size, digest) = (content.len().try_into().unwrap(), blake3::hash(content).into());
    File { name, original: "a.bin".into(), size, digest: qchat_proto::Digest(digest) }
}

/// Stores a complete file at one server.
async fn stored(server: &ObjectStorage, content: &[u8]) -> File {
    let (upload, kept) = open(server, content).await;
    write(&upload, content, usize::try_from(kept).unwrap()..content.len().div_ceil(BLOCK)).await;
    let file = finish(server, &upload, content).await;
    server.settle(upload, Posted::Sent).await;
    file
}

/// The bytes of a stored file, and its damaged blocks.
async fn read(server: &ObjectStorage, file: &File) -> (Vec<u8>, Vec<u64>) {
    let (source, hashes) = server.open_file(file, &key()).await.unwrap();
    let (layout, mut content, mut damaged) = (Layout::of(file.size), Vec::new(), Vec::new());
    for (index, expected) in (0..).zip(hashes) {
        let block =
            source.read_block(layout, index, &BufferPool::of(layout)).await.unwrap().unwrap();
        match block.hash == expected {
            true => content.extend(block.bytes),
            false => damaged.push(index),
        }
    }
    (content, damaged)
}

/// The hashes of the blocks that an upload reports.
async fn reported(upload: &ObjectUpload) -> io::Result<Vec<BlockHash>> {
    let (sender, mut batches) = mpsc::channel(64);
    upload.report(&sender).await?;
    drop(sender);
    let mut hashes = Vec::new();
    while let Some(batch) = batches.recv().await {
        hashes.extend(batch);
    }
    Ok(hashes)
}

fn refusal<T>(result: CommandResult<T>) -> Refusal {
    match result.map(drop) {
        Err(CommandError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

async fn no_message() -> io::Result<bool> {
    Ok(false)
}

#[tokio::test]
async fn a_file_is_read_at_any_server() {
    let content = noise(9 * BLOCK + 7);
    for length in [0, 1, BLOCK, BLOCK + 1, 4 * BLOCK, 4 * BLOCK + 1, content.len()] {
        let servers = Servers::start();
        let content = &content[..length];
        let file = stored(&servers.one, content).await;
        assert!(read(&servers.other, &file).await == (content.to_vec(), Vec::new()), "{length}");
        let cells = cell::cells(layout(content));
        let objects = u64::try_from(servers.paths().await.len()).unwrap();
        assert_eq!(objects, cells + 1, "{length} bytes: cells and a block list");
        assert_eq!(servers.one.present(&key()), None, "a finished file is no unfinished upload");
    }
}

#[tokio::test]
async fn an_upload_goes_on_at_another_server() {
    let content = noise(9 * BLOCK + 7);
    for cut in 0..=10 {
        let servers = Servers::start();
        let (first, _) = open(&servers.one, &content).await;
        write(&first, &content, 0..cut).await;
        first.flush().await.unwrap();
        drop(first);
        let (second, kept) = open(&servers.other, &content).await;
        assert_eq!(usize::try_from(kept).unwrap(), cut);
        assert_eq!(reported(&second).await.unwrap(), hashes(&content)[..cut]);
        write(&second, &content, cut..10).await;
        let file = finish(&servers.other, &second, &content).await;
        servers.other.settle(second, Posted::Sent).await;
        assert!(read(&servers.one, &file).await == (content.clone(), Vec::new()), "{cut}");
        assert_eq!(servers.paths().await.len(), 4, "{cut}: superseded cells are removed");
    }
}

#[tokio::test]
async fn of_several_cells_of_a_cut_upload_the_longest_counts() {
    let (servers, content) = (Servers::start(), noise(4 * BLOCK));
    for cut in 1..4 {
        let (upload, _) = open(&servers.one, &content).await;
        write(&upload, &content, cut - 1..cut).await;
        upload.flush().await.unwrap();
    }
    assert_eq!(servers.cells(0).await.len(), 3);
    assert_eq!(open(&servers.other, &content).await.1, 3);
}

#[tokio::test]
async fn a_dropped_upload_keeps_its_blocks() {
    let (servers, content) = (Servers::start(), noise(6 * BLOCK));
    let (upload, _) = open(&servers.one, &content).await;
    let (guard, mut released) = mpsc::channel::<()>(1);
    drop(upload);
    let (upload, _) = servers.one.open_upload(&key(), layout(&content), guard).await.unwrap();
    write(&upload, &content, 0..5).await;
    drop(upload);
    assert_eq!(released.recv().await, None, "the guard goes with the last write");
    assert_eq!(open(&servers.other, &content).await.1, 5);
}

#[tokio::test]
async fn a_block_that_differs_replaces_the_stored_one() {
    let (servers, content) = (Servers::start(), noise(9 * BLOCK));
    let mut before = content.clone();
    for changed in [0, 2, 5] {
        before[changed * BLOCK] ^= 1;
    }
    let (first, _) = open(&servers.one, &before).await;
    write(&first, &before, 0..7).await;
    first.flush().await.unwrap();
    let (second, _) = open(&servers.other, &content).await;
    write(&second, &content, [0, 2, 5, 7, 8]).await;
    let file = finish(&servers.other, &second, &content).await;
    servers.other.settle(second, Posted::Sent).await;
    assert!(read(&servers.one, &file).await == (content, Vec::new()));
}

#[tokio::test]
async fn a_late_attempt_at_another_server_harms_no_file() {
    let (servers, content) = (Servers::start(), noise(6 * BLOCK));
    let mut other = content.clone();
    other[0] ^= 1;
    let (late, _) = open(&servers.one, &other).await;
    write(&late, &other, 0..2).await;
    let file = stored(&servers.other, &content).await;
    write(&late, &other, 2..6).await;
    let second = finish(&servers.one, &late, &other).await;
    servers.one.settle(late, Posted::Refused).await;
    assert!(read(&servers.one, &file).await == (content, Vec::new()));
    let found = servers.one.uploads().recv().await.unwrap().unwrap();
    servers.one.tidy(&found[0], &file).await.unwrap();
    assert_eq!(servers.paths().await.len(), 3, "two cells and a block list");
    assert!(servers.one.open_file(&second, &key()).await.is_err());
}

#[tokio::test]
async fn a_damaged_object_is_named_by_its_blocks() {
    let (servers, content) = (Servers::start(), noise(6 * BLOCK));
    let file = stored(&servers.one, &content).await;
    let cell = servers.cells(0).await.pop().unwrap();
    let whole = servers.objects.get(&cell).await.unwrap().bytes().await.unwrap();
    let mut flipped = whole.to_vec();
    flipped[130 + BLOCK + 5] ^= 1;
    for (damage, expected) in [
        (flipped, vec![1]),
        (whole[..130 + 2 * BLOCK + 5].to_vec(), vec![2, 3]),
        (whole[..100].to_vec(), vec![0, 1, 2, 3]),
        (Vec::new(), vec![0, 1, 2, 3]),
    ] {
        servers.objects.put(&cell, damage.into()).await.unwrap();
        let (rest, damaged) = read(&servers.other, &file).await;
        assert_eq!((damaged, rest.len()), (expected.clone(), (6 - expected.len()) * BLOCK));
    }
    servers.objects.delete(&cell).await.unwrap();
    assert_eq!(read(&servers.other, &file).await.1, [0, 1, 2, 3]);
}

#[tokio::test]
async fn a_damaged_cell_of_an_upload_is_removed_and_sent_again() {
    let (servers, content) = (Servers::start(), noise(6 * BLOCK));
    let (upload, _) = open(&servers.one, &content).await;
    write(&upload, &content, 0..6).await;
    upload.flush().await.unwrap();
    let cell = servers.cells(0).await.pop().unwrap();
    let whole = servers.objects.get(&cell).await.unwrap().bytes().await.unwrap();
    let mut damaged = whole.to_vec();
    damaged[40] ^= 1;
    servers.objects.put(&cell, damaged.into()).await.unwrap();
    let (again, kept) = open(&servers.other, &content).await;
    assert_eq!(kept, 6);
    assert_eq!(reported(&again).await.unwrap_err().kind(), io::ErrorKind::InvalidData);
    assert_eq!(servers.cells(0).await, [], "the damaged cell is gone");
    let file = stored(&servers.other, &content).await;
    assert!(read(&servers.one, &file).await == (content, Vec::new()));
}

#[tokio::test]
async fn a_missing_or_damaged_block_list_is_made_anew() {
    let (servers, content) = (Servers::start(), noise(6 * BLOCK));
    let file = stored(&servers.one, &content).await;
    let lists = servers.paths().await.into_iter().filter(|path| path.contains("blocks-"));
    let list = lists.map(Path::from).next_back().unwrap();
    let kept = servers.objects.get(&list).await.unwrap().bytes().await.unwrap();
    for damaged in [&kept[..64], &[&kept[..40], &[9], &kept[41..]].concat(), b""] {
        servers.objects.put(&list, damaged.to_vec().into()).await.unwrap();
        assert!(read(&servers.other, &file).await == (content.clone(), Vec::new()));
        let saved = servers.objects.get(&list).await.unwrap().bytes().await.unwrap();
        assert_eq!(saved, kept);
    }
    servers.objects.delete(&list).await.unwrap();
    assert!(read(&servers.other, &file).await == (content, Vec::new()));
}

#[tokio::test]
async fn only_a_resting_upload_without_a_message_is_removed() {
    let (servers, content) = (Servers::start(), noise(5 * BLOCK));
    let (upload, _) = open(&servers.one, &content).await;
    write(&upload, &content, 0..5).await;
    upload.flush().await.unwrap();
    assert_eq!(servers.one.present(&key()).unwrap().0, 5 * 1_048_576 + 130 + 34);
    let busy = servers.other.remove_resting(&key(), LONG, no_message).await.unwrap_err();
    assert_eq!(busy.kind(), io::ErrorKind::ResourceBusy);
    let is_sent = async || Ok(true);
    servers.other.remove_resting(&key(), Duration::ZERO, is_sent).await.unwrap();
    assert_eq!(servers.paths().await.len(), 2, "nothing was removed, and the mark is gone");
    servers.other.remove_resting(&key(), Duration::ZERO, no_message).await.unwrap();
    assert_eq!(servers.paths().await, [""; 0]);
}

#[tokio::test]
async fn an_upload_that_another_server_removes_is_not_finished() {
    let (servers, content) = (Servers::start(), noise(5 * BLOCK));
    let named = (Timestamp::from_milliseconds(1), &"a.bin".into());
    let (upload, _) = open(&servers.one, &content).await;
    write(&upload, &content, 0..5).await;
    let mut held = None;
    // The other server asks its store for the message, which is committed only after this.
    let has_message = async || {
        held = Some(refusal(servers.one.finish(&upload, &hashes(&content), named).await));
        Ok(false)
    };
    servers.other.remove_resting(&key(), Duration::ZERO, has_message).await.unwrap();
    assert_eq!(held, Some(Refusal::Busy));
    // Its parts are gone by now.
    let gone = servers.one.finish(&upload, &hashes(&content), named).await;
    assert_eq!(refusal(gone), Refusal::Busy);
}

#[tokio::test]
async fn an_upload_is_not_opened_while_another_server_removes_it() {
    let (servers, content) = (Servers::start(), noise(BLOCK));
    stored(&servers.one, &content).await;
    let open = async || servers.one.open_upload(&key(), layout(&content), ()).await;
    let has_message = async || {
        assert_eq!(refusal(open().await), Refusal::Busy);
        Ok(true)
    };
    servers.other.remove_resting(&key(), Duration::ZERO, has_message).await.unwrap();
    open().await.unwrap();
}

#[tokio::test]
async fn every_upload_is_found_with_its_bytes() {
    let servers = Servers::start();
    servers.objects.put(&Path::from("p/README.txt"), "a note".into()).await.unwrap();
    stored(&servers.one, &noise(5 * BLOCK)).await;
    let mut chunks = servers.other.uploads();
    let found = chunks.recv().await.unwrap().unwrap();
    let [FoundUpload { key: found, bytes, objects, .. }] = &found[..] else { panic!("{found:?}") };
    assert_eq!((found, *objects), (&key(), 3));
    assert_eq!(*bytes, 5 * 1_048_576 + 130 + 34 + 161);
    assert!(chunks.recv().await.is_none());
}

#[tokio::test]
async fn files_of_the_same_millisecond_get_names_of_their_own() {
    let (servers, content) = (Servers::start(), noise(1));
    let mut names = Vec::new();
    for _ in 0..2 {
        names.push(stored(&servers.one, &content).await.name.to_string());
    }
    assert_eq!(names, ["1763833207123_a.bin", "1763833207124_a.bin"]);
}
