//! Uploads, and servers that refuse them.

use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use blake3::hazmat::HasherExt;
use qchat_client::proto::command::{BlockHashes, Request, Upload, UploadOpening};
use qchat_client::proto::file_stream::{BlockHeader, FileHeader};
use qchat_client::proto::limits::BLOCK_BYTES;
use qchat_client::proto::{BlockHash, Refusal, StoredName, frame, limits, quic_codes};
use qchat_client::{
    Address, Body, CallError, Client, Code, Digest, File, Message, MessageId, Progress, Sequence,
    Timestamp,
};
use quinn::{Connection, RecvStream, SendStream, VarInt};
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::server::{client_of, next_request, say};

/// More bytes than all flow-control windows hold.
const LARGE: u64 = 64 * 1024 * 1024;

fn local_file(size: u64) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.pdf");
    std::fs::File::create(&path).unwrap().set_len(size).unwrap();
    (folder, path)
}

async fn send_file(client: &Client, size: u64) -> Result<Message, CallError> {
    let (_folder, path) = local_file(size);
    client.send_file(Address::User("bob".parse().unwrap()), &path, Progress::none()).await
}

fn message_of(upload: &Upload, digest: Digest) -> Message {
    let at = Timestamp::from_milliseconds(1_763_833_207_123);
    let name = StoredName::new(at, upload.name.name());
    let file = File { name, original: upload.name.clone(), size: upload.size, digest };
    let id = MessageId { log: upload.to.clone(), sequence: Sequence(1) };
    Message { id, from: "alice".parse().unwrap(), at, body: Body::File(file), unread: false }
}

async fn next_upload(connection: &Connection) -> (Upload, SendStream) {
    match next_request(connection).await {
        Some((Request::Upload(upload), answer)) => (upload, answer),
        other => panic!("{other:?}"),
    }
}

async fn next_file(connection: &Connection, upload: &Upload) -> RecvStream {
    let mut stream = connection.accept_uni().await.unwrap();
    let header: FileHeader = frame::read(&mut stream, limits::FILE_HEADER_BYTES_MAX).await.unwrap();
    assert_eq!(header.transfer, upload.transfer);
    stream
}

fn block(index: u64, bytes: &[u8]) -> Vec<u8> {
    [frame::encode_frame(&BlockHeader::Block(index)), bytes.to_vec()].concat()
}

fn end(digest: Digest) -> Vec<u8> {
    frame::encode_frame(&BlockHeader::End(digest))
}

/// The hash of a block of zeros, in a file of several blocks.
fn zeros(index: u64) -> BlockHash {
    let mut hasher = blake3::Hasher::new();
    hasher.set_input_offset(index * BLOCK_BYTES).update(&[0; 1 << 20]);
    BlockHash(hasher.finalize_non_root())
}

#[tokio::test]
async fn only_what_the_server_has_not_or_has_otherwise_goes() {
    let client = client_of(|connection| async move {
        let (upload, mut answer) = next_upload(&connection).await;
        say(&mut answer, &Ok::<_, Refusal>(UploadOpening::SendFile { kept: 3 })).await;
        let other = BlockHash([9; 32]);
        for values in [vec![zeros(0), other], vec![zeros(2)]] {
            say(&mut answer, &Ok::<_, Refusal>(BlockHashes::first_of(values))).await;
        }
        let mut stream = next_file(&connection, &upload).await;
        let bytes = stream.read_to_end(1 << 24).await.unwrap();
        let digest = Digest(blake3::hash(&[0; (3 << 20) + 5]).into());
        let expected = [block(1, &[0; 1 << 20]), block(3, &[0; 5]), end(digest)].concat();
        assert!(bytes == expected);
        say(&mut answer, &Ok::<_, Refusal>(message_of(&upload, digest))).await;
        connection.closed().await;
    })
    .await;
    send_file(&client, (3 << 20) + 5).await.unwrap();
}

#[tokio::test]
async fn a_server_that_has_more_than_there_is_makes_no_sense() {
    for (kept, values) in [(2, vec![]), (u64::MAX, vec![]), (1, vec![2]), (1, vec![0])] {
        let client = client_of(move |connection| {
            let values = values.clone();
            async move {
                let (_, mut answer) = next_upload(&connection).await;
                say(&mut answer, &Ok::<_, Refusal>(UploadOpening::SendFile { kept })).await;
                for count in values {
                    let values = BlockHashes::first_of(vec![zeros(0); count]);
                    say(&mut answer, &Ok::<_, Refusal>(values)).await;
                }
                connection.closed().await;
            }
        })
        .await;
        assert_eq!(send_file(&client, 1000).await.unwrap_err().code(), Code::Damaged, "{kept}");
    }
}

#[tokio::test]
async fn a_file_goes_with_its_length_and_digest() {
    let client = client_of(|connection| async move {
        let (upload, mut answer) = next_upload(&connection).await;
        say(&mut answer, &Ok::<_, Refusal>(UploadOpening::SendFile { kept: 0 })).await;
        let mut stream = next_file(&connection, &upload).await;
        let bytes = stream.read_to_end(9_999).await.unwrap();
        let digest = Digest(blake3::hash(&[0; 1000]).into());
        assert_eq!(bytes, [block(0, &[0; 1000]), end(digest)].concat());
        say(&mut answer, &Ok::<_, Refusal>(message_of(&upload, digest))).await;
        connection.closed().await;
    })
    .await;
    let Body::File(file) = send_file(&client, 1000).await.unwrap().body else { panic!() };
    assert_eq!((file.original, file.size), ("report.pdf".into(), 1000));
}

#[tokio::test]
async fn what_is_stored_already_is_not_sent_again() {
    let (told, mut sent_again) = mpsc::channel(1);
    let client = client_of(move |connection| {
        let told = told.clone();
        async move {
            let (upload, mut answer) = next_upload(&connection).await;
            say(&mut answer, &Ok::<_, Refusal>(UploadOpening::AlreadyStored)).await;
            say(&mut answer, &Ok::<_, Refusal>(message_of(&upload, Digest([0; 32])))).await;
            let again = tokio::select! {
                biased;
                file = connection.accept_uni() => file.is_ok(),
                _ = next_request(&connection) => false,
            };
            told.send(again).await.unwrap();
            connection.closed().await;
        }
    })
    .await;
    send_file(&client, LARGE).await.unwrap();
    // A later command: earlier bytes have come by then.
    tokio::select! {
        _ = client.users() => panic!("nobody answers this"),
        again = sent_again.recv() => assert_eq!(again, Some(false)),
    }
}

#[tokio::test]
async fn a_no_in_the_middle_ends_the_sending() {
    let no = Refusal::TooLarge { size: LARGE, limit: 1 };
    let expected = no.clone();
    let client = client_of(move |connection| {
        let no = no.clone();
        async move {
            let (upload, mut answer) = next_upload(&connection).await;
            say(&mut answer, &Ok::<_, Refusal>(UploadOpening::SendFile { kept: 0 })).await;
            // Not read any further: the bytes of the client stay in the windows.
            let _stream = next_file(&connection, &upload).await;
            say(&mut answer, &Err::<Message, _>(no)).await;
            connection.closed().await;
        }
    })
    .await;
    let refused = send_file(&client, LARGE).await;
    assert!(matches!(refused, Err(CallError::Refused(no)) if no == expected));
}

#[tokio::test]
async fn a_stopped_stream_is_explained_by_the_commands_answer() {
    let client = client_of(|connection| async move {
        let (upload, mut answer) = next_upload(&connection).await;
        say(&mut answer, &Ok::<_, Refusal>(UploadOpening::SendFile { kept: 0 })).await;
        let mut stream = next_file(&connection, &upload).await;
        stream.stop(VarInt::from_u32(quic_codes::TRANSFER_FAILED)).unwrap();
        say(&mut answer, &Err::<Message, _>(Refusal::TransferFailed)).await;
        connection.closed().await;
    })
    .await;
    assert_eq!(send_file(&client, LARGE).await.unwrap_err().code(), Code::TransferFailed);
}

#[tokio::test]
async fn a_link_lost_before_the_file_is_wanted_leaves_no_doubt() {
    let client = client_of(|connection| async move {
        next_upload(&connection).await;
        connection.close(VarInt::from_u32(quic_codes::SHUTTING_DOWN), b"");
    })
    .await;
    assert_eq!(send_file(&client, 1000).await.unwrap_err().code(), Code::NotSent);
}

#[tokio::test]
async fn a_link_lost_before_the_last_byte_leaves_no_doubt() {
    let client = client_of(|connection| async move {
        let (upload, mut answer) = next_upload(&connection).await;
        say(&mut answer, &Ok::<_, Refusal>(UploadOpening::SendFile { kept: 0 })).await;
        next_file(&connection, &upload).await;
        connection.close(VarInt::from_u32(quic_codes::SHUTTING_DOWN), b"");
    })
    .await;
    assert_eq!(send_file(&client, LARGE).await.unwrap_err().code(), Code::NotSent);
}

#[tokio::test]
async fn a_link_lost_after_the_last_byte_leaves_doubt() {
    let client = client_of(|connection| async move {
        let (upload, mut answer) = next_upload(&connection).await;
        say(&mut answer, &Ok::<_, Refusal>(UploadOpening::SendFile { kept: 0 })).await;
        next_file(&connection, &upload).await.read_to_end(9_999).await.unwrap();
        connection.close(VarInt::from_u32(quic_codes::SHUTTING_DOWN), b"");
    })
    .await;
    assert_eq!(send_file(&client, 1000).await.unwrap_err().code(), Code::OutcomeUnknown);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_no_request() {
    let (told, mut asked) = mpsc::channel(1);
    let client = client_of(move |connection| {
        let told = told.clone();
        async move { told.send(next_request(&connection).await.is_some()).await.unwrap() }
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let to = || Address::User("bob".parse().unwrap());
    for path in [folder.path().to_owned(), folder.path().join("missing"), "/dev/null".into()] {
        let error = client.send_file(to(), &path, Progress::none()).await.unwrap_err();
        assert_eq!(error.code(), Code::LocalFile, "{}", path.display());
    }
    client.close().await;
    assert_eq!(asked.recv().await, Some(false));
}

/// Sends a file that is changed in this way after its first block has come, and checks that its stream is reset.
async fn check_changed(change: fn(&Path)) {
    let (began, mut begun) = mpsc::channel(1);
    let (told, mut ended) = mpsc::channel(1);
    let client = client_of(move |connection| {
        let (began, told) = (began.clone(), told.clone());
        async move {
            let (upload, mut answer) = next_upload(&connection).await;
            say(&mut answer, &Ok::<_, Refusal>(UploadOpening::SendFile { kept: 0 })).await;
            let mut stream = next_file(&connection, &upload).await;
            stream.read_exact(&mut vec![0; 1 << 20]).await.unwrap();
            let (changed, mut is_changed) = mpsc::channel(1);
            began.send(changed).await.unwrap();
            is_changed.recv().await;
            let rest = stream.read_to_end(usize::try_from(2 * LARGE).unwrap()).await;
            told.send(rest.is_ok()).await.unwrap();
            connection.closed().await;
        }
    })
    .await;
    let (_folder, path) = local_file(LARGE);
    let old = SystemTime::now() - Duration::from_secs(60);
    std::fs::File::options().write(true).open(&path).unwrap().set_modified(old).unwrap();
    let to = Address::User("bob".parse().unwrap());
    let sending = client.send_file(to, &path, Progress::none());
    let changing = async {
        let changed = begun.recv().await.unwrap();
        change(&path);
        changed.send(()).await.unwrap();
        ended.recv().await
    };
    let (sent, is_whole) = tokio::join!(sending, changing);
    assert_eq!(is_whole, Some(false), "a torn file looks whole to the server");
    assert_eq!(sent.unwrap_err().code(), Code::FileChanged);
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_sent_does_not_arrive() {
    check_changed(|path| {
        let file = std::fs::File::options().write(true).open(path).unwrap();
        file.write_all_at(b"new", LARGE - 3).unwrap();
    })
    .await;
    check_changed(|path| {
        let mut file = std::fs::File::options().append(true).open(path).unwrap();
        file.write_all(b"more").unwrap();
    })
    .await;
    check_changed(|path| {
        std::fs::File::options().write(true).open(path).unwrap().set_len(LARGE / 2).unwrap();
    })
    .await;
    check_changed(|path| {
        let other = path.with_extension("new");
        let old = path.metadata().unwrap().modified().unwrap();
        let file = std::fs::File::create(&other).unwrap();
        file.set_len(LARGE).unwrap();
        file.set_modified(old).unwrap();
        std::fs::rename(other, path).unwrap();
    })
    .await;
    check_changed(|path| std::fs::remove_file(path).unwrap()).await;
}
