//! Files that come, and files that only seem to.

use std::path::Path;
use std::sync::{Arc, Mutex};

use qchat_client::proto::command::{Done, FileHeader, Request};
use qchat_client::proto::{Refusal, TransferId, codes};
use qchat_client::{CallError, Client, DamagedError, Downloaded, Log, Progress, TransferEvent};
use quinn::{Connection, VarInt};
use serde::Serialize;

use crate::server::{client_of, next_request, say};

/// A file as it stands on the wire, where a server can write what it likes.
#[derive(Clone, Serialize)]
pub(crate) struct WireFile {
    name: String,
    original: String,
    size: u64,
    digest: [u8; 32],
}

pub(crate) const CONTENT: &[u8] = b"the content";
const SIZE: u64 = 11;

pub(crate) fn wire_file(original: &str) -> WireFile {
    WireFile {
        name: "1763833207123_report.pdf".to_owned(),
        original: original.to_owned(),
        size: SIZE,
        digest: *blake3::hash(CONTENT).as_bytes(),
    }
}

/// How a server can send a file.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    Whole,
    Cut,
    /// Cut, and explained afterwards.
    CutShort,
    BrokenOff,
    Lost,
}

async fn send_content(connection: &Connection, transfer: TransferId, way: Way) {
    let mut stream = connection.open_uni().await.unwrap();
    say(&mut stream, &FileHeader { transfer }).await;
    match way {
        Way::Whole => stream.write_all(CONTENT).await.unwrap(),
        Way::Cut => stream.write_all(&CONTENT[1..]).await.unwrap(),
        Way::CutShort => {
            stream.write_all(&CONTENT[1..]).await.unwrap();
            stream.finish().unwrap();
            // All of it has come.
            stream.stopped().await.unwrap();
        }
        Way::BrokenOff => {
            stream.write_all(&CONTENT[1..]).await.unwrap();
            stream.reset(VarInt::from_u32(codes::TRANSFER_FAILED)).unwrap();
        }
        Way::Lost => connection.close(VarInt::from_u32(codes::SHUTTING_DOWN), b""),
    }
    let _ = stream.finish();
}

pub(crate) async fn client_getting(file: WireFile, way: Way) -> Client {
    client_of(move |connection| {
        let file = file.clone();
        async move {
            while let Some((request, mut answer)) = next_request(&connection).await {
                let Request::Download(download) = request else { panic!() };
                say(&mut answer, &Ok::<_, Refusal>(file.clone())).await;
                send_content(&connection, download.transfer, way).await;
                match way {
                    Way::Whole | Way::Cut => say(&mut answer, &Ok::<_, Refusal>(Done)).await,
                    Way::BrokenOff | Way::CutShort => {
                        say(&mut answer, &Err::<Done, _>(Refusal::Internal(7))).await;
                    }
                    Way::Lost => return,
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
    let second = download(&client, &folder).await.unwrap();
    assert_eq!(first.path, folder.join("report.pdf"));
    assert_eq!(second.path, folder.join("report (1).pdf"));
    assert_eq!(std::fs::read(second.path).unwrap(), CONTENT);
    assert_eq!(names(&folder), ["report (1).pdf", "report.pdf"]);
}

#[tokio::test]
async fn progress_tells_of_every_byte() {
    let folder = tempfile::tempdir().unwrap();
    let client = client_getting(wire_file("report.pdf"), Way::Whole).await;
    let events = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&events);
    let progress = Progress::new(move |event| told.lock().unwrap().push(event));
    client.download(Log::Inbox, "report.pdf", folder.path(), progress).await.unwrap();
    let started = TransferEvent::Started { name: "report.pdf".into(), size: SIZE };
    assert_eq!(*events.lock().unwrap(), [started, TransferEvent::Moved { bytes: SIZE }]);
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
async fn a_file_with_another_digest_never_lands() {
    let folder = tempfile::tempdir().unwrap();
    let file = WireFile { digest: [7; 32], ..wire_file("report.pdf") };
    let client = client_getting(file, Way::Whole).await;
    let error = download(&client, folder.path()).await.unwrap_err();
    let damaged = matches!(error, CallError::Damaged(DamagedError::FileDigest { .. }));
    assert!(damaged, "{error:?}");
    assert!(error.to_string().contains("1763833207123_report.pdf"), "{error}");
    assert_eq!(names(folder.path()), [""; 0]);
}

#[tokio::test]
async fn a_file_that_does_not_come_whole_never_lands() {
    for (way, code) in [
        (Way::Cut, "damaged"),
        (Way::CutShort, "internal"),
        (Way::BrokenOff, "internal"),
        (Way::Lost, "not_sent"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let client = client_getting(wire_file("report.pdf"), way).await;
        let error = download(&client, folder.path()).await.unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert_eq!(names(folder.path()), [""; 0], "{code}");
    }
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
    assert_eq!(error.code(), "file_not_found");
    assert_eq!(names(folder.path()), [""; 0]);
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().join("file");
    std::fs::write(&taken, "").unwrap();
    let client = client_getting(wire_file("report.pdf"), Way::Whole).await;
    let error = download(&client, &taken).await.unwrap_err();
    assert_eq!(error.code(), "local_file");
    assert!(error.to_string().contains(&taken.display().to_string()), "{error}");
}
