//! An account has a bounded number of slots for transfers and watchers, and leaves the others their own.

use qchat_client::proto::command::{
    Groups, NextKey, Resume, ServerKeys, Upload, UploadOpening, Watch,
};
use qchat_client::proto::limits::ANSWER_BYTES_MAX;
use qchat_client::proto::{BoundedVec, ClientId, Request, TransferId, frame};
use qchat_client::{Event, Refusal};
use quinn::RecvStream;
use serde::de::DeserializeOwned;

use crate::harness::sdk::{session, user};
use crate::harness::{RawConnection, Server, in_time};

async fn signed_in(server: &Server, name: &str) -> RawConnection {
    let token = session(server, name, server.address).await.token;
    let raw = RawConnection::connect(server).await;
    raw.ask(Resume { token }).await.unwrap();
    raw
}

/// Sends a long-running command, and returns the first frame of its answer.
async fn begin<T: DeserializeOwned>(
    raw: &RawConnection,
    request: impl Into<Request>,
) -> Result<(T, RecvStream), Refusal> {
    let (mut question, mut answer) = raw.stream().await;
    in_time(question.write_all(&frame::encode_frame(&request.into()))).await.unwrap();
    question.finish().unwrap();
    let first: Result<T, Refusal> =
        in_time(frame::read(&mut answer, ANSWER_BYTES_MAX)).await.unwrap();
    Ok((first?, answer))
}

fn upload(transfer: u64) -> Upload {
    let (id, to, transfer) = (ClientId::random(), user("alice"), TransferId(transfer));
    Upload { id, to, name: "film".into(), size: 1000, transfer }
}

#[tokio::test]
async fn transfers_of_one_account_leave_slots_for_other_accounts() {
    let server = Server::start();
    let (alice, phone) = (signed_in(&server, "alice").await, signed_in(&server, "alice").await);
    let bob = signed_in(&server, "bob").await;
    let mut under_way = Vec::new();
    for transfer in 0..16 {
        under_way.push(begin::<UploadOpening>(&alice, upload(transfer)).await.unwrap());
    }
    for device in [&alice, &phone] {
        let refused = begin::<UploadOpening>(device, upload(16)).await;
        assert_eq!(refused.map(|(opening, _)| opening), Err(Refusal::TooManyAtOnce(16)));
    }
    assert!(begin::<UploadOpening>(&bob, upload(0)).await.is_ok());
}

#[tokio::test]
async fn watching_devices_of_one_account_are_limited() {
    let server = Server::start();
    let devices = [signed_in(&server, "alice").await, signed_in(&server, "alice").await];
    let mut watching = Vec::new();
    for number in 0..65 {
        let watch = Watch { cursors: BoundedVec::first_of([]) };
        let begun = begin::<Event>(&devices[number % 2], watch).await;
        assert_eq!(begun.is_ok(), number < 64, "{number}");
        watching.extend(begun);
    }
    watching.pop();
    // The server notices the closed connections a moment later.
    in_time(async {
        while begin::<Event>(&devices[0], Watch { cursors: BoundedVec::first_of([]) })
            .await
            .is_err()
        {}
    })
    .await;
}

#[tokio::test]
async fn devices_that_follow_the_server_keys_leave_slots_for_commands() {
    let server = Server::start();
    let mut following = Vec::new();
    // One more than the most concurrent commands of an account.
    for _ in 0..17 {
        let raw = signed_in(&server, "alice").await;
        following.push((begin::<ServerKeys>(&raw, NextKey).await.unwrap(), raw));
    }
    let (_, raw) = &following[0];
    assert!(in_time(raw.ask(Groups { after: None })).await.is_ok());
}
