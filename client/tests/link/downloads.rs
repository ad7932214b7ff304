//! Downloads from honest and hostile servers.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::{Arc, Mutex};

use blake3::hazmat::HasherExt;
use qchat_client::proto::command::{Done, Download, Request};
use qchat_client::proto::file_stream::{BlockHeader, FileHeader};
use qchat_client::proto::limits::BLOCK_BYTES;
use qchat_client::proto::{BlockHash, Refusal, frame, quic_codes};
use qchat_client::{
    CallError, Client, Code, DamagedError, Digest, Downloaded, Log, Progress, TransferEvent,
};
use quinn::{Connection, VarInt};
use serde::Serialize;

use crate::server::{client_of, next_request, say};

/// A file in the form of the wire, which a hostile server can change at will.
#[derive(Clone, Serialize)]
pub(crate) struct WireFile {
    name: String,
    original: String,
    size: u64,
    digest: [u8; 32],
}

const BLOCK: usize = 1 << 20;

/// A file of three blocks.
pub(crate) fn content() -> Vec<u8> {
    let mut bytes = vec![0; 2 * BLOCK + 11];
    blake3::Hasher::new().finalize_xof().fill(&mut bytes);
    bytes
}

fn size() -> u64 {
    content().len().try_into().unwrap()
}

fn values() -> Vec<BlockHash> {
    let value = |(bytes, index): (&[u8], u64)| {
        let mut hasher = blake3::Hasher::new();
        hasher.set_input_offset(index * BLOCK_BYTES).update(bytes);
        BlockHash(hasher.finalize_non_root())
    };
    content().chunks(BLOCK).zip(0..).map(value).collect()
}

pub(crate) fn wire_file(original: &str) -> WireFile {
    WireFile {
        name: NAME.to_owned(),
        original: original.to_owned(),
        size: size(),
        digest: *blake3::hash(&content()).as_bytes(),
    }
}

const NAME: &str = "1763833207123_report.pdf";

/// How a server can send a file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Whole,
    Cut,
    /// Cut, and explained afterwards.
    CutShort,
    BrokenOff,
    Lost,
    /// A byte of the second block is changed.
    Flipped,
    /// The second block is left out, and the answer says so before the third block has come.
    Damaged,
    /// Blocks that nobody asked for.
    Unwanted,
}

impl Way {
    /// The bytes of one block on the stream.
    fn block(self, index: u64) -> Vec<u8> {
        let at = usize::try_from(index).unwrap() * BLOCK;
        let mut bytes = content()[at..content().len().min(at + BLOCK)].to_vec();
        match (self, index) {
            (Self::Flipped, 1) => bytes[7] ^= 1,
            (Self::Damaged, 1) => return Vec::new(),
            (Self::Cut | Self::CutShort | Self::BrokenOff | Self::Lost, 1) => bytes.truncate(9),
            _ => {}
        }
        let mut sent = frame::encode_frame(&BlockHeader::Block(index));
        sent.extend(bytes);
        sent
    }

    fn ends_early(self, index: u64) -> bool {
        index == 1 && matches!(self, Self::Cut | Self::CutShort | Self::BrokenOff | Self::Lost)
    }
}

async fn send_content(connection: &Connection, download: &Download, way: Way) {
    let mut stream = connection.open_uni().await.unwrap();
    say(&mut stream, &FileHeader { transfer: download.transfer }).await;
    let blocks = download.blocks.iter().flat_map(|run| run.first..run.first + run.count);
    let blocks: Vec<_> = if way == Way::Unwanted { vec![0, 1, 2] } else { blocks.collect() };
    for index in blocks {
        if stream.write_all(&way.block(index)).await.is_err() {
            return;
        }
        if way.ends_early(index) {
            match way {
                Way::BrokenOff => {
                    stream.reset(VarInt::from_u32(quic_codes::TRANSFER_FAILED)).unwrap();
                }
                // The bytes that were sent have to come first.
                Way::Lost => {
                    stream.finish().unwrap();
                    let _ = stream.stopped().await;
                    connection.close(VarInt::from_u32(quic_codes::SHUTTING_DOWN), b"");
                }
                _ => stream.finish().unwrap(),
            }
            return;
        }
    }
    say(&mut stream, &BlockHeader::End(Digest([0; 32]))).await;
    stream.finish().unwrap();
}

/// The requests to a test's server: the ranges of blocks of every download.
type Asked = Arc<Mutex<Vec<Vec<(u64, u64)>>>>;

fn page(file: WireFile, values: Vec<BlockHash>) -> Result<(WireFile, Vec<BlockHash>), Refusal> {
    Ok((file, values))
}

pub(crate) async fn client_getting(file: WireFile, way: Way) -> Client {
    client_asking(file, way, Asked::default()).await
}

/// A client of a server that has this file, sends it in this way, and notes the requests.
async fn client_asking(file: WireFile, way: Way, asked: Asked) -> Client {
    client_of(move |connection| {
        let (file, asked) = (file.clone(), Arc::clone(&asked));
        async move {
            while let Some((request, mut answer)) = next_request(&connection).await {
                let download = match request {
                    Request::FileBlocks(wanted) => {
                        assert_eq!(wanted.first, 0);
                        say(&mut answer, &page(file.clone(), values())).await;
                        continue;
                    }
                    Request::Download(download) => download,
                    other => panic!("{other:?}"),
                };
                let runs = download.blocks.iter().map(|run| (run.first, run.count)).collect();
                asked.lock().unwrap().push(runs);
                let damaged = Refusal::FileDamaged { name: NAME.parse().unwrap(), block: 1 };
                if way == Way::Damaged {
                    say(&mut answer, &Err::<Done, _>(damaged)).await;
                }
                send_content(&connection, &download, way).await;
                match way {
                    Way::BrokenOff | Way::CutShort => {
                        say(&mut answer, &Err::<Done, _>(Refusal::Internal(7))).await;
                    }
                    Way::Damaged => {}
                    Way::Lost => return,
                    _ => say(&mut answer, &Ok::<_, Refusal>(Done)).await,
                }
            }
        }
    })
    .await
}

async fn download(client: &Client, folder: &Path) -> Result<Downloaded, CallError> {
    client.download(Log::Inbox, "report.pdf", folder, Progress::none()).await
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_file_lands_whole_and_replaces_none() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("download/alice");
    let client = client_getting(wire_file("report.pdf"), Way::Whole).await;
    let first = download(&client, &folder).await.unwrap();
    assert_eq!((&first.path, first.was_here), (&folder.join("report.pdf"), false));
    let again = download(&client, &folder).await.unwrap();
    assert_eq!((&again.path, again.was_here), (&first.path, true));
    std::fs::write(&first.path, "mine").unwrap();
    let second = download(&client, &folder).await.unwrap();
    assert_eq!((&second.path, second.was_here), (&folder.join("report (1).pdf"), false));
    assert!(std::fs::read(second.path).unwrap() == content());
    assert_eq!(std::fs::read_to_string(first.path).unwrap(), "mine");
    assert_eq!(names(&folder), ["report (1).pdf", "report.pdf"]);
}

#[tokio::test]
async fn a_link_to_the_same_bytes_is_not_taken_for_the_file() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("download");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(place.path().join("elsewhere"), content()).unwrap();
    symlink(place.path().join("elsewhere"), folder.join("report.pdf")).unwrap();
    let client = client_getting(wire_file("report.pdf"), Way::Whole).await;
    let downloaded = download(&client, &folder).await.unwrap();
    assert_eq!((downloaded.path, downloaded.was_here), (folder.join("report (1).pdf"), false));
}

#[tokio::test]
async fn progress_tells_of_every_byte() {
    let folder = tempfile::tempdir().unwrap();
    let client = client_getting(wire_file("report.pdf"), Way::Whole).await;
    let events = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&events);
    let progress = Progress::new(move |event| told.lock().unwrap().push(event));
    client.download(Log::Inbox, "report.pdf", folder.path(), progress).await.unwrap();
    let started = TransferEvent::Started { name: "report.pdf".into(), size: size() };
    let events = events.lock().unwrap();
    assert_eq!(events[0], started);
    let moved = events[1..].iter().map(|event| match event {
        TransferEvent::Moved { bytes } => *bytes,
        other => panic!("{other:?}"),
    });
    assert_eq!(moved.sum::<u64>(), size());
}

#[tokio::test]
async fn a_servers_name_is_no_path() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("inner");
    for (hostile, landed) in [
        ("../../evil", "_._.._evil"),
        ("/etc/passwd", "_etc_passwd"),
        ("..", "file"),
        ("a\u{1b}[2J\n", "a_[2J_"),
        (".part-x", "_part-x"),
    ] {
        let client = client_getting(wire_file(hostile), Way::Whole).await;
        let path = download(&client, &inner).await.unwrap().path;
        assert_eq!(path, inner.join(landed), "{hostile:?}");
    }
    assert_eq!(names(folder.path()), ["inner"]);
}

#[tokio::test]
async fn a_list_that_does_not_prove_the_digest_is_worth_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for file in [
        WireFile { digest: [7; 32], ..wire_file("report.pdf") },
        WireFile { size: size() + BLOCK_BYTES, ..wire_file("report.pdf") },
        WireFile { size: BLOCK_BYTES, ..wire_file("report.pdf") },
        WireFile { size: u64::MAX, ..wire_file("report.pdf") },
    ] {
        // If a page is too short, the next one has the same hashes again, and in the end there are too many.
        let client = client_of(move |connection| {
            let file = file.clone();
            async move {
                while let Some((_, mut answer)) = next_request(&connection).await {
                    say(&mut answer, &page(file.clone(), values())).await;
                }
            }
        })
        .await;
        let error = download(&client, folder.path()).await.unwrap_err();
        let damaged = matches!(error, CallError::Damaged(DamagedError::BlockList(_)));
        assert!(damaged, "{error:?}");
        assert!(error.to_string().contains(NAME), "{error}");
        assert_eq!(names(folder.path()), [""; 0]);
    }
}

#[tokio::test]
async fn a_file_that_does_not_come_whole_never_lands_and_is_gone_on_with() {
    for (way, code) in [
        (Way::Cut, Code::Damaged),
        (Way::CutShort, Code::Internal),
        (Way::BrokenOff, Code::Internal),
        (Way::Lost, Code::NotSent),
        (Way::Flipped, Code::Damaged),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let client = client_getting(wire_file("report.pdf"), way).await;
        let error = download(&client, folder.path()).await.unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        // If the server breaks off, the bytes just before may not have been read.
        if let Way::Cut | Way::Flipped = way {
            assert_eq!(names(folder.path()), [PART], "{code}");
            // The blocks behind a damaged block were good, and need not come again.
            let missing = if let Way::Cut = way { 2 } else { 1 };
            check_goes_on(folder.path(), &[(1, missing)]).await;
        } else {
            assert!(!folder.path().join("report.pdf").exists());
            let again = client_getting(wire_file("report.pdf"), Way::Whole).await;
            download(&again, folder.path()).await.unwrap();
            assert_eq!(names(folder.path()), ["report.pdf"]);
        }
    }
}

const PART: &str = ".part-1763833207123_report.pdf";

/// Downloads the file with the files in the folder, and checks the requests.
async fn check_goes_on(folder: &Path, runs: &[(u64, u64)]) {
    let asked = Asked::default();
    let client = client_asking(wire_file("report.pdf"), Way::Whole, Arc::clone(&asked)).await;
    let path = download(&client, folder).await.unwrap().path;
    assert!(std::fs::read(path).unwrap() == content());
    assert_eq!(names(folder), ["report.pdf"]);
    let asked = asked.lock().unwrap();
    assert_eq!(asked.concat(), runs);
}

#[tokio::test]
async fn a_part_is_checked_and_what_is_damaged_comes_again_alone() {
    let check = |damage: fn(&mut Vec<u8>), runs: &'static [(u64, u64)]| async move {
        let folder = tempfile::tempdir().unwrap();
        let mut part = content();
        damage(&mut part);
        std::fs::write(folder.path().join(PART), part).unwrap();
        check_goes_on(folder.path(), runs).await;
    };
    check(|_| (), &[]).await;
    check(|part| part[0] ^= 1, &[(0, 1)]).await;
    check(|part| part[BLOCK] ^= 0x80, &[(1, 1)]).await;
    check(|part| part[2 * BLOCK + 10] ^= 1, &[(2, 1)]).await;
    check(|part| part.fill(0), &[(0, 3)]).await;
    check(|part| part.truncate(2 * BLOCK - 1), &[(1, 2)]).await;
    check(|part| part.truncate(0), &[(0, 3)]).await;
    check(|part| part.extend([7; 5000]), &[]).await;
}

#[tokio::test]
async fn the_good_blocks_of_a_damaged_file_stay() {
    let folder = tempfile::tempdir().unwrap();
    let client = client_getting(wire_file("report.pdf"), Way::Damaged).await;
    let error = download(&client, folder.path()).await.unwrap_err();
    assert_eq!(error.code(), Code::FileDamaged);
    assert!(error.to_string().contains(NAME) && error.to_string().contains("block 1"), "{error}");
    assert_eq!(names(folder.path()), [PART]);
    // The third block is there too, behind a gap.
    check_goes_on(folder.path(), &[(1, 1)]).await;
}

#[tokio::test]
async fn a_block_that_is_here_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(PART), &content()[..BLOCK]).unwrap();
    let client = client_getting(wire_file("report.pdf"), Way::Unwanted).await;
    assert_eq!(download(&client, folder.path()).await.unwrap_err().code(), Code::Damaged);
    check_goes_on(folder.path(), &[(1, 2)]).await;
}

#[tokio::test]
async fn two_downloads_of_a_file_do_not_disturb_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let client = client_getting(wire_file("report.pdf"), Way::Whole).await;
    let (one, other) =
        tokio::join!(download(&client, folder.path()), download(&client, folder.path()));
    for downloaded in [one, other] {
        assert!(std::fs::read(downloaded.unwrap().path).unwrap() == content());
    }
    assert_eq!(names(folder.path()), ["report (1).pdf", "report.pdf"]);
}

#[tokio::test]
async fn a_refused_download_leaves_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    let client = client_of(|connection| async move {
        let (_, mut answer) = next_request(&connection).await.unwrap();
        say(&mut answer, &Err::<Done, _>(Refusal::FileNotFound("report.pdf".into()))).await;
        connection.closed().await;
    })
    .await;
    let error = download(&client, &folder.path().join("new")).await.unwrap_err();
    assert_eq!(error.code(), Code::FileNotFound);
    assert_eq!(names(folder.path()), [""; 0]);
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().join("file");
    std::fs::write(&taken, "").unwrap();
    let client = client_getting(wire_file("report.pdf"), Way::Whole).await;
    let error = download(&client, &taken).await.unwrap_err();
    assert_eq!(error.code(), Code::LocalFile);
    assert!(error.to_string().contains(&taken.display().to_string()), "{error}");
}
