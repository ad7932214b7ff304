//! The errors of calls whose answer is missing or wrong.

use qchat_client::proto::command::{
    Done, MarkRead, Register, Registered, Request, SignedIn, UserPage,
};
use qchat_client::proto::{BoundedVec, Refusal, SessionToken, quic_codes};
use qchat_client::{
    Address, Body, CallError, Client, Code, DamagedError, Log, Message, MessageText, Timestamp,
};
use quinn::{Connection, ConnectionError, SendStream, VarInt};
use tokio::sync::mpsc;

use crate::server::{client_of, next_request, say};

/// How a server can fail to answer.
#[derive(Debug, Clone, Copy)]
enum AnswerFault {
    Nothing,
    Cut,
    Garbage,
    TooLong,
    CannotRead,
    BreakOff,
    ShutDown,
    Unsure,
    Refuse,
}

async fn commit(fault: AnswerFault, connection: &Connection, answer: &mut SendStream) {
    let reset = |answer: &mut SendStream, code| answer.reset(VarInt::from_u32(code)).unwrap();
    match fault {
        AnswerFault::Nothing => {}
        AnswerFault::Cut => answer.write_all(&[0, 0, 0, 9, 0]).await.unwrap(),
        AnswerFault::Garbage => answer.write_all(&[0, 0, 0, 2, 9, 9]).await.unwrap(),
        AnswerFault::TooLong => answer.write_all(&[255; 9]).await.unwrap(),
        AnswerFault::CannotRead => reset(answer, quic_codes::BAD_REQUEST),
        AnswerFault::BreakOff => reset(answer, quic_codes::TOO_SLOW),
        AnswerFault::ShutDown => connection.close(VarInt::from_u32(quic_codes::SHUTTING_DOWN), b""),
        AnswerFault::Unsure => say(answer, &Err::<(), _>(Refusal::OutcomeUnknown(7))).await,
        AnswerFault::Refuse => say(answer, &Err::<(), _>(Refusal::Busy)).await,
    }
    let _ = answer.finish();
}

/// A client whose calls all meet `fault`.
async fn client_meeting(fault: AnswerFault) -> Client {
    client_of(move |connection| async move {
        while let Some((_, mut answer)) = next_request(&connection).await {
            commit(fault, &connection, &mut answer).await;
        }
    })
    .await
}

async fn send(client: &Client) -> CallError {
    let text = MessageText::try_from("hi".to_owned()).unwrap();
    client.send(Address::User("bob".parse().unwrap()), text).await.unwrap_err()
}

async fn check(fault: AnswerFault, asking: Code, changing: Code) {
    let client = client_meeting(fault).await;
    assert_eq!(client.users().await.unwrap_err().code(), asking, "{fault:?}, asking");
    let client = client_meeting(fault).await;
    assert_eq!(send(&client).await.code(), changing, "{fault:?}, changing");
}

#[tokio::test]
async fn every_fault_says_whether_the_call_can_be_repeated() {
    check(AnswerFault::Nothing, Code::NotSent, Code::OutcomeUnknown).await;
    check(AnswerFault::Cut, Code::NotSent, Code::OutcomeUnknown).await;
    check(AnswerFault::Garbage, Code::Damaged, Code::Damaged).await;
    check(AnswerFault::TooLong, Code::Damaged, Code::Damaged).await;
    check(AnswerFault::CannotRead, Code::Damaged, Code::Damaged).await;
    check(AnswerFault::BreakOff, Code::NotSent, Code::OutcomeUnknown).await;
    check(AnswerFault::ShutDown, Code::NotSent, Code::OutcomeUnknown).await;
    check(AnswerFault::Unsure, Code::NotSent, Code::OutcomeUnknown).await;
    check(AnswerFault::Refuse, Code::Busy, Code::Busy).await;
}

#[tokio::test]
async fn on_a_closed_connection_nothing_is_sent() {
    let client = client_meeting(AnswerFault::Nothing).await;
    assert!(!client.is_closed());
    client.close().await;
    assert!(client.is_closed());
    assert_eq!(send(&client).await.code(), Code::NotSent);
}

#[tokio::test]
async fn closing_says_goodbye_before_it_returns() {
    let (told, mut reasons) = mpsc::channel(1);
    let client = client_of(move |connection| {
        let told = told.clone();
        async move { told.send(connection.closed().await).await.unwrap() }
    })
    .await;
    client.close().await;
    let reason = reasons.recv().await.unwrap();
    let ConnectionError::ApplicationClosed(close) = reason else { panic!("{reason}") };
    assert_eq!(close.error_code, VarInt::from_u32(quic_codes::GOODBYE));
}

#[tokio::test]
async fn garbage_ends_its_own_call_alone() {
    let client = client_of(|connection| async move {
        let (_, mut answer) = next_request(&connection).await.unwrap();
        commit(AnswerFault::Garbage, &connection, &mut answer).await;
        let (_, mut answer) = next_request(&connection).await.unwrap();
        say(
            &mut answer,
            &Ok::<_, Refusal>(UserPage { users: BoundedVec::first_of([]), next: None }),
        )
        .await;
        connection.closed().await;
    })
    .await;
    assert!(client.users().await.is_err());
    assert_eq!(client.users().await.unwrap(), []);
}

#[tokio::test]
async fn a_list_without_end_is_given_up() {
    let client = client_of(|connection| async move {
        let next = Some("bob".parse().unwrap());
        let page = Ok::<_, Refusal>(UserPage { users: BoundedVec::first_of([]), next });
        while let Some((_, mut answer)) = next_request(&connection).await {
            say(&mut answer, &page).await;
        }
    })
    .await;
    let endless = client.users().await;
    assert!(matches!(endless, Err(CallError::Damaged(DamagedError::EndlessList))), "{endless:?}");
}

#[tokio::test]
async fn the_client_knows_who_is_signed_in() {
    let client = client_of(|connection| async move {
        while let Some((request, mut answer)) = next_request(&connection).await {
            match request {
                Request::Register(Register { user, .. }) => {
                    say(&mut answer, &Ok::<_, Refusal>(Registered { user })).await;
                }
                Request::Login(login) => {
                    let token = SessionToken::random();
                    let signed_in = SignedIn { user: login.user, token };
                    say(&mut answer, &Ok::<_, Refusal>(signed_in)).await;
                }
                Request::Logout(_) => say(&mut answer, &Ok::<_, Refusal>(Done)).await,
                _ => say(&mut answer, &Err::<(), _>(Refusal::NotLoggedIn)).await,
            }
        }
    })
    .await;
    let alice = || "alice".parse().unwrap();
    let password = || "secret".to_owned().try_into().unwrap();
    client.register(alice(), password()).await.unwrap();
    assert_eq!(client.user(), None);
    client.login(alice(), password()).await.unwrap();
    assert_eq!(client.clone().user(), Some(alice()));
    client.logout().await.unwrap();
    assert_eq!(client.user(), None);
    // The server may end a session by itself.
    client.login(alice(), password()).await.unwrap();
    client.groups().await.unwrap_err();
    assert_eq!(client.user(), None);
}

#[tokio::test]
async fn many_gaps_are_marked_in_several_requests() {
    let (told, mut marked) = mpsc::channel(9);
    let client = client_of(move |connection| {
        let told = told.clone();
        async move {
            while let Some((request, mut answer)) = next_request(&connection).await {
                let Request::MarkRead(MarkRead { ranges, .. }) = request else { panic!() };
                told.send(ranges.len()).await.unwrap();
                say(&mut answer, &Ok::<_, Refusal>(Done)).await;
            }
        }
    })
    .await;
    let shown: Vec<_> = (0..1025).map(|gap| message(&format!("@alice:{}", gap * 2 + 1))).collect();
    client.mark_read(Log::Inbox, &shown).await.unwrap();
    assert_eq!((marked.recv().await, marked.recv().await), (Some(1024), Some(1)));
    client.mark_read(Log::Inbox, &[]).await.unwrap();
    assert!(marked.try_recv().is_err());
}

fn message(id: &str) -> Message {
    Message {
        id: id.parse().unwrap(),
        from: "bob".parse().unwrap(),
        at: Timestamp::from_milliseconds(0),
        body: Body::Text(MessageText::try_from("hi".to_owned()).unwrap()),
        unread: true,
    }
}
