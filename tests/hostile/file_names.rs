//! Hostile file names on the wire, which the qchat client would never send.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use qchat_proto::command::{Login, Register, Upload, UploadOpening};
use qchat_proto::file_stream::{BlockHeader, FileHeader};
use qchat_proto::limits::ANSWER_BYTES_MAX;
use qchat_proto::{
    Address, Body, ClientId, Digest, FileName, FilePath, Message, Refusal, Request, TransferId,
    frame, quic_codes,
};
use quinn::{ReadError, RecvStream, VarInt};
use tokio::task::JoinSet;

use crate::corpus;
use crate::harness::{PASSWORD, RawConnection, Server, files_below, in_time};

/// The number of concurrent uploads.
const AT_ONCE: usize = 12;

/// A placeholder in a request, which is replaced by the hostile name.
const PLACE: &str = "a name to be replaced";

async fn signed_in(server: &Server) -> RawConnection {
    let raw = RawConnection::connect(server).await;
    let password = || PASSWORD.to_owned().try_into().unwrap();
    let user = || "mallory".parse().unwrap();
    raw.ask(Register { id: ClientId::random(), user: user(), password: password() }).await.unwrap();
    raw.ask(Login { user: user(), password: password() }).await.unwrap();
    raw
}

/// The frame of an upload with these bytes as the name.
fn request(name: &[u8], transfer: TransferId) -> Vec<u8> {
    let to = Address::User("mallory".parse().unwrap());
    let upload = Upload { id: ClientId::random(), to, name: PLACE.into(), size: 0, transfer };
    let frame = frame::encode(&Request::from(upload));
    let place = frame::encode(&PLACE);
    let start = frame.windows(place.len()).position(|bytes| bytes == place).unwrap();
    let (before, after) = (&frame[..start], &frame[start + place.len()..]);
    // postcard encodes the length of a string as a varint with seven bits in each byte.
    let mut length = Vec::new();
    let mut left = name.len();
    while left >= 0x80 {
        length.push(u8::try_from(left & 0x7f).unwrap() | 0x80);
        left >>= 7;
    }
    length.push(u8::try_from(left).unwrap());
    let content = [before, &length, name, after].concat();
    [&u32::try_from(content.len()).unwrap().to_be_bytes()[..], &content].concat()
}

/// All bytes on the stream of an empty file.
fn empty_file(transfer: TransferId) -> Vec<u8> {
    let end = BlockHeader::End(Digest(blake3::hash(b"").into()));
    [frame::encode_frame(&FileHeader { transfer }), frame::encode_frame(&end)].concat()
}

/// Requests the upload of a file with this name, and returns the stream of the answer.
async fn ask(raw: &RawConnection, name: &[u8], transfer: TransferId) -> RecvStream {
    let (mut send, receive) = raw.stream().await;
    in_time(send.write_all(&request(name, transfer))).await.unwrap();
    send.finish().unwrap();
    receive
}

/// Uploads an empty file with this name.
async fn upload(raw: &RawConnection, name: &[u8], transfer: TransferId) -> Message {
    let mut answer = ask(raw, name, transfer).await;
    let opening = frame::read::<Result<UploadOpening, Refusal>>(&mut answer, ANSWER_BYTES_MAX);
    in_time(opening).await.unwrap().unwrap();
    let mut file = in_time(raw.connection.open_uni()).await.unwrap();
    in_time(file.write_all(&empty_file(transfer))).await.unwrap();
    file.finish().unwrap();
    let stored = frame::read::<Result<Message, Refusal>>(&mut answer, ANSWER_BYTES_MAX);
    in_time(stored).await.unwrap().unwrap()
}

/// Requests the upload of a file whose name is not UTF-8, and checks that the server treats the request as
/// garbage.
async fn check_is_garbage(raw: &RawConnection, name: &[u8], transfer: TransferId) {
    let mut answer = ask(raw, name, transfer).await;
    match in_time(answer.read(&mut [0])).await {
        Err(ReadError::Reset(code)) => assert_eq!(code, VarInt::from_u32(quic_codes::BAD_REQUEST)),
        other => panic!("{name:?}: {other:?}"),
    }
}

/// Uploads a file under each name, several at the same time. Returns the messages of the names that are
/// UTF-8.
async fn upload_all(raw: RawConnection, names: Vec<Vec<u8>>) -> Vec<(String, Message)> {
    let (raw, names) = (Arc::new(raw), Arc::new(names));
    let mut uploading = JoinSet::new();
    for first in 0..AT_ONCE {
        let (raw, names) = (Arc::clone(&raw), Arc::clone(&names));
        uploading.spawn(async move {
            let mut messages = Vec::new();
            for (number, name) in names.iter().enumerate().skip(first).step_by(AT_ONCE) {
                let transfer = TransferId(u64::try_from(number).unwrap());
                match String::from_utf8(name.clone()) {
                    Ok(text) => messages.push((text, upload(&raw, name, transfer).await)),
                    Err(_) => check_is_garbage(&raw, name, transfer).await,
                }
            }
            messages
        });
    }
    uploading.join_all().await.concat()
}

#[tokio::test]
async fn a_hostile_name_becomes_one_safe_name_in_the_upload_folder() {
    let server = Server::start();
    let raw = signed_in(&server).await;
    let outside = |server: &Server| -> BTreeSet<_> {
        let files = files_below(server.folder()).into_iter();
        files.filter(|path| path.parent() != Some(&server.folder().join("upload"))).collect()
    };
    let before = outside(&server);
    let names = corpus::read(include_str!("../corpus/names.txt"));

    let messages = upload_all(raw, names).await;

    let mut stored = BTreeSet::new();
    for (text, message) in messages {
        let Body::File(file) = message.body else { panic!("{text:?}") };
        assert_eq!(file.original, FilePath::from(text.as_str()));
        let tail = file.name.as_str().split_once('_').map(|(_, tail)| tail);
        // The name in the upload folder has no folders.
        assert_eq!(tail, Some(FileName::from(file.original.name().as_str()).as_str()), "{text:?}");
        stored.insert(file.name.to_string());
    }
    assert!(stored.len() >= 300, "{}", stored.len());
    // All files have different names, and are in the upload folder.
    assert_eq!(server.uploads().into_iter().collect::<BTreeSet<_>>(), stored);
    assert_eq!(outside(&server), before);
    assert!(!Path::new("/tmp/qchat-escaped").exists());
}
