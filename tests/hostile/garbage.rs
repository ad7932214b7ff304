//! Bytes that the qchat client would never send.

use qchat_proto::command::{Groups, Login, Logout, Register, SendText, Upload, Users};
use qchat_proto::file_stream::{BlockHeader, FileHeader};
use qchat_proto::limits::{ANSWER_BYTES_MAX, REQUEST_BYTES_MAX};
use qchat_proto::{Address, ClientId, Digest, Refusal, Request, TransferId, frame, quic_codes};
use quinn::{ReadError, RecvStream, VarInt};

use crate::files::sending::noise;
use crate::harness::{PASSWORD, RawConnection, Server, in_time};

async fn signed_in(server: &Server) -> RawConnection {
    let raw = RawConnection::connect(server).await;
    let (user, password) = ("mallory".parse().unwrap(), PASSWORD.to_owned().try_into().unwrap());
    raw.ask(Register { id: ClientId::random(), user, password }).await.unwrap();
    let (user, password) = ("mallory".parse().unwrap(), PASSWORD.to_owned().try_into().unwrap());
    raw.ask(Login { user, password }).await.unwrap();
    raw
}

/// Waits until the server resets the answer, and returns the code.
async fn reset_code(receive: &mut RecvStream) -> VarInt {
    let mut buffer = [0; 16];
    match in_time(receive.read(&mut buffer)).await {
        Err(ReadError::Reset(code)) => code,
        other => panic!("no reset, but {other:?}"),
    }
}

/// Invalid requests, each with a description of the error.
fn garbage() -> Vec<(&'static str, Vec<u8>)> {
    let valid = frame::encode_frame(&Request::from(Logout));
    let long = u32::try_from(REQUEST_BYTES_MAX + 1).unwrap();
    vec![
        ("nothing at all", vec![]),
        ("half a length", vec![0, 0]),
        ("a frame cut short", [&[0, 0, 0, 9][..], b"cut"].concat()),
        ("no such command", [&[0, 0, 0, 1][..], &[0x7f]].concat()),
        ("text", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        (
            "a frame over the limit",
            [&long.to_be_bytes()[..], &vec![0; REQUEST_BYTES_MAX + 1]].concat(),
        ),
        ("an endless frame", vec![0xff; 300_000]),
        ("two requests", [valid.clone(), valid.clone()].concat()),
        ("a byte too many", [valid, vec![0]].concat()),
        ("a byte too many in the frame", vec![0, 0, 0, 2, 3, 0]),
        ("a name outside the rule", vec![0, 0, 0, 5, 11, 3, b'.', b'.', b'/']),
    ]
}

#[tokio::test]
async fn garbage_resets_only_its_own_stream() {
    let server = Server::start();
    let raw = signed_in(&server).await;
    // A valid request, which is sent slowly meanwhile.
    let slow = frame::encode_frame(&Request::from(Groups { after: None }));
    let (mut slow_send, mut slow_receive) = raw.stream().await;
    in_time(slow_send.write_all(&slow[..3])).await.unwrap();
    for (what, bytes) in garbage() {
        let (mut send, mut receive) = raw.stream().await;
        // The server may stop reading before all bytes are written.
        let _ = in_time(send.write_all(&bytes)).await;
        let _ = send.finish();
        let code = reset_code(&mut receive).await;
        assert_eq!(code, VarInt::from_u32(quic_codes::BAD_REQUEST), "{what}");
        assert!(raw.ask(Users { after: None }).await.is_ok(), "after {what}");
    }
    in_time(slow_send.write_all(&slow[3..])).await.unwrap();
    slow_send.finish().unwrap();
    let answer = frame::read::<Result<qchat_proto::command::GroupPage, Refusal>>(
        &mut slow_receive,
        ANSWER_BYTES_MAX,
    );
    assert!(in_time(answer).await.unwrap().is_ok());
}

#[tokio::test]
async fn garbage_of_a_signed_out_client_affects_nobody() {
    let server = Server::start();
    let raw = RawConnection::connect(&server).await;
    for (what, bytes) in garbage() {
        let (mut send, mut receive) = raw.stream().await;
        let _ = in_time(send.write_all(&bytes)).await;
        let _ = send.finish();
        assert_eq!(
            reset_code(&mut receive).await,
            VarInt::from_u32(quic_codes::BAD_REQUEST),
            "{what}"
        );
    }
    assert_eq!(raw.ask(Users { after: None }).await, Err(Refusal::NotLoggedIn));
    server.visitor().ok("auth_register alice x");
}

#[tokio::test]
async fn the_stream_of_an_unannounced_file_is_stopped() {
    let server = Server::start();
    let raw = signed_in(&server).await;
    for bytes in [
        frame::encode_frame(&FileHeader { transfer: TransferId(7) }),
        b"garbage of a file".to_vec(),
    ] {
        let mut send = in_time(raw.connection.open_uni()).await.unwrap();
        let _ = in_time(send.write_all(&bytes)).await;
        let code = in_time(send.stopped()).await.unwrap();
        assert_eq!(code, Some(VarInt::from_u32(quic_codes::UNEXPECTED_STREAM)));
    }
    assert!(raw.ask(Users { after: None }).await.is_ok());
}

/// Announces a file of `size` bytes, sends these bytes instead, and returns the answer.
async fn upload(raw: &RawConnection, size: u64, bytes: &[u8]) -> Result<(), Refusal> {
    let transfer = TransferId(size);
    let to = Address::User("mallory".parse().unwrap());
    let upload = Upload { id: ClientId::random(), to, name: "a.bin".into(), size, transfer };
    let (mut send, mut receive) = raw.stream().await;
    in_time(send.write_all(&frame::encode_frame(&Request::from(upload)))).await.unwrap();
    send.finish().unwrap();
    let opening = frame::read::<Result<qchat_proto::command::UploadOpening, Refusal>>(
        &mut receive,
        ANSWER_BYTES_MAX,
    );
    in_time(opening).await.unwrap()?;
    let mut file = in_time(raw.connection.open_uni()).await.unwrap();
    in_time(file.write_all(&frame::encode_frame(&FileHeader { transfer }))).await.unwrap();
    let _ = in_time(file.write_all(bytes)).await;
    let _ = file.finish();
    let verdict =
        frame::read::<Result<qchat_proto::Message, Refusal>>(&mut receive, ANSWER_BYTES_MAX);
    in_time(verdict).await.unwrap().map(drop)
}

#[tokio::test]
async fn a_file_that_differs_from_its_announcement_is_no_message() {
    let server = Server::start();
    let raw = signed_in(&server).await;
    let header = |header: BlockHeader| frame::encode_frame(&header);
    let block = |index, bytes: &[u8]| [header(BlockHeader::Block(index)), bytes.to_vec()].concat();
    let end = |bytes: &[u8]| header(BlockHeader::End(Digest(blake3::hash(bytes).into())));
    let content = &b"0123456789"[..];
    let whole = [block(0, content), end(content)].concat();
    for (what, size, bytes) in [
        ("cut", 10, whole[..11].to_vec()),
        ("a cut digest", 10, whole[..whole.len() - 1].to_vec()),
        ("a wrong digest", 10, [block(0, content), end(b"")].concat()),
        ("longer than announced", 9, whole.clone()),
        ("more behind the end", 10, [&whole[..], b"x"].concat()),
        ("no block at all", 10, end(content)),
        ("the block twice", 10, [block(0, content), whole.clone()].concat()),
        ("a block that it has not", 10, [block(0, content), block(1, content)].concat()),
        ("a block far away", 10, block(u64::MAX, content)),
        ("a gap", 3 << 20, [block(1, &noise(1 << 20)), end(content)].concat()),
        ("no frames", 10, vec![0xff; 1000]),
    ] {
        assert_eq!(upload(&raw, size, &bytes).await, Err(Refusal::TransferFailed), "{what}");
    }
    assert_eq!(server.uploads(), Vec::<String>::new());
    assert_eq!(upload(&raw, 10, &whole).await, Ok(()));
    assert_eq!(server.uploads().len(), 1);
}

#[tokio::test]
async fn an_id_sends_once_and_never_another_content() {
    let server = Server::start();
    let raw = signed_in(&server).await;
    let id = ClientId::random();
    let to = || Address::User("mallory".parse().unwrap());
    let send = |text: &str| SendText { id, to: to(), text: text.to_owned().try_into().unwrap() };
    let first = raw.ask(send("once")).await.unwrap();
    let again = raw.ask(send("once")).await.unwrap();
    assert_eq!(first, again);
    assert_eq!(raw.ask(send("twice")).await, Err(Refusal::IdReused));
    let inbox = server.client_of("mallory").ok("inbox");
    assert_eq!(crate::harness::texts(&inbox), ["once"]);
}

#[tokio::test]
async fn another_protocol_name_is_refused() {
    let server = Server::start();
    assert!(RawConnection::with_alpn(&server, b"h3").await.is_err());
    server.visitor().ok("auth_register alice x");
}

#[tokio::test]
async fn datagrams_that_are_not_quic_are_ignored() {
    let server = Server::start();
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    for length in [0, 1, 20, 1200, 1472] {
        socket.send_to(&crate::files::sending::noise(length), server.address).unwrap();
    }
    server.visitor().ok("auth_register alice x");
}
