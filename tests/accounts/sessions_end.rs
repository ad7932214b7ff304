//! Ended sessions: they end at once on every connection, and no other session ends.

use std::time::Duration;

use qchat_client::proto::command::{Login, Upload, UploadOpening};
use qchat_client::proto::file_stream::{BlockHeader, FileHeader};
use qchat_client::proto::limits::ANSWER_BYTES_MAX;
use qchat_client::proto::{ClientId, Message, TransferId, frame};
use qchat_client::{CallError, Client as Device, Event, Refusal, Watching};
use serde_json::Value;
use tokio::io::AsyncWriteExt;

use crate::harness::sdk::{connect, device, resume, session, user};
use crate::harness::{
    Bot, Client, DEADLINE, PASSWORD, RawConnection, Running, Server, Talk, in_time, items, keys,
    text,
};

/// The repetitions of a race. Each costs a sign-in by password.
const RACES: usize = 40;

/// Runs `ls` without a password, and returns whether the saved session still works.
fn is_saved(client: &Client) -> bool {
    let mut command = client.command();
    command.env_remove("QCHAT_PASSWORD").args(["--json", "ls"]);
    Running::start(&mut command).finish().status == Some(0)
}

/// Another device of alice, which is signed in.
fn talk_at(client: &Client) -> Talk {
    let mut talk = client.talk();
    talk.ok("ls");
    talk
}

/// Whether a command is refused on a connection whose session has ended.
#[track_caller]
fn check_signed_out(talk: &mut Talk) {
    let answer = talk.done("ls");
    assert_eq!(answer["error"]["code"], "not_logged_in", "{answer}");
}

async fn next(watching: &mut Watching) -> Result<Event, CallError> {
    tokio::time::timeout(DEADLINE, watching.next()).await.expect("an event in time")
}

async fn is_signed_out(device: &Device) -> bool {
    matches!(device.users().await, Err(CallError::Refused(Refusal::NotLoggedIn)))
}

#[test]
fn a_sign_out_ends_the_session_in_its_other_processes() {
    let server = Server::start();
    let (alice, bob) = (server.user("alice"), server.user("bob"));
    alice.ok("ls");
    let mut desk = talk_at(&alice);
    let mut listener = Bot::listen(&alice, &[]);
    bob.ok("send alice hi");
    assert_eq!(listener.texts(1), ["hi"]);
    let mut phone = talk_at(&server.client_of("alice"));
    alice.ok("auth_logout");
    let ended = listener.error();
    assert!(ended.contains("not signed in"), "{ended}");
    assert_eq!(listener.0.finish().status, Some(1));
    check_signed_out(&mut desk);
    phone.ok("ls");
}

#[tokio::test]
async fn a_watcher_in_an_ended_session_is_told_at_once() {
    let server = Server::start();
    let session = session(&server, "alice", server.address).await;
    let (phone, laptop) = (resume(&session).await, resume(&session).await);
    let bob = device(&server, "bob").await;
    let mut observing = bob.watch(Vec::new()).await.unwrap();
    let mut watching = laptop.watch(Vec::new()).await.unwrap();
    while !matches!(next(&mut watching).await.unwrap(), Event::CaughtUp) {}
    phone.logout().await.unwrap();
    // A command right after the answer is refused already.
    assert!(is_signed_out(&laptop).await);
    let why = loop {
        if let Err(why) = next(&mut watching).await {
            break why;
        }
    };
    assert!(matches!(why, CallError::Refused(Refusal::NotLoggedIn)), "{why:?}");
    assert_eq!(laptop.user(), None);
    loop {
        if let Event::Presence { user, online: false } = next(&mut observing).await.unwrap() {
            assert_eq!(user.as_str(), "alice");
            break;
        }
    }
    assert!(matches!(
        laptop.resume(session.token.clone()).await,
        Err(CallError::Refused(Refusal::SessionEnded))
    ));
}

#[test]
fn a_sign_out_everywhere_ends_all_sessions_of_the_user_and_no_others() {
    let server = Server::start();
    let (alice, phone, lost) =
        (server.user("alice"), server.client_of("alice"), server.client_of("alice"));
    let mut bob = talk_at(&server.user("bob"));
    let mut talks = [talk_at(&alice), talk_at(&phone)];
    lost.ok("ls");
    // The command also works on a signed-out device with the password, for example after a theft.
    server.client_of("alice").ok("auth_logout --all");
    talks.iter_mut().for_each(check_signed_out);
    for device in [&alice, &phone, &lost] {
        assert!(!is_saved(device));
    }
    bob.ok("ls");
    alice.ok("ls");
}

#[test]
fn a_changed_password_ends_the_other_sessions_and_keeps_its_own() {
    let server = Server::start();
    let (alice, phone) = (server.user("alice"), server.client_of("alice"));
    let mut desk = talk_at(&phone);
    // An argument of the shell may contain spaces.
    let ended = alice.run(&["--json", "passwd", PASSWORD, "sesame"]);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_eq!(keys(&ended.json()[0]), ["command", "ok"]);
    check_signed_out(&mut desk);
    assert!(is_saved(&alice) && !is_saved(&phone));
    let visitor = server.visitor();
    assert_eq!(visitor.refused(&format!("auth_login alice {PASSWORD}")), "bad_credentials");
    visitor.ok("auth_login alice sesame");
    alice.ok("passwd sesame opened");
    visitor.ok("auth_login alice opened");
}

#[test]
fn a_password_change_needs_the_old_password_and_a_long_enough_new_one() {
    let server = Server::with(&["--password-min", "12"]);
    let alice = server.user("alice");
    alice.ok("ls");
    let run = |old: &str, new: &str| {
        let ended = alice.run(&["--json", "passwd", old, new]);
        (ended.status, text(&ended.json()[0]["error"]["code"]).to_owned())
    };
    assert_eq!(run("wrong", "long enough now"), (Some(1), "bad_credentials".to_owned()));
    assert_eq!(run(PASSWORD, "short"), (Some(1), "weak_password".to_owned()));
    assert_eq!(run(PASSWORD, ""), (Some(2), "usage".to_owned()));
    assert_eq!(alice.refused("passwd"), "usage");
    let ended = alice.run(&["passwd", "onesecret", "two", "three"]);
    assert_eq!(ended.status, Some(2));
    assert!(!ended.error.contains("three") && !ended.error.contains("secret"), "{ended:?}");
    server.visitor().ok(&format!("auth_login alice {PASSWORD}"));
}

#[tokio::test]
async fn a_password_change_whose_answer_was_lost_can_be_repeated() {
    let server = Server::start();
    let session = session(&server, "alice", server.address).await;
    let password = |text: &str| text.to_owned().try_into().unwrap();
    let id = ClientId::random();
    let change = async |new| {
        let device = resume(&session).await.with_request_id(id);
        device.change_password(password(PASSWORD), password(new)).await
    };
    change("sesame").await.unwrap();
    let server = server.kill9().start();
    change("sesame").await.unwrap();
    assert!(matches!(change("other").await, Err(CallError::Refused(Refusal::IdReused))));
    let anew = connect(&server).await;
    anew.login("alice".parse().unwrap(), password("sesame")).await.unwrap();
}

/// The sessions in an answer, and the id of the selected one.
#[track_caller]
fn id_of(sessions: &Value, is_meant: impl Fn(&Value) -> bool) -> String {
    let mut meant = items(&sessions["sessions"]).iter().filter(|session| is_meant(session));
    let id = text(&meant.next().unwrap_or_else(|| panic!("none in {sessions}"))["id"]).to_owned();
    assert!(meant.next().is_none(), "several in {sessions}");
    id
}

#[test]
fn sessions_are_listed_and_ended_one_by_one() {
    let server = Server::start();
    let (alice, phone) = (server.user("alice"), server.client_of("alice"));
    alice.ok("ls");
    let mut desk = talk_at(&phone);
    server.client_of("alice").ok("ls");
    let listed = alice.ok("sessions");
    assert_eq!(items(&listed["sessions"]).len(), 3);
    assert_eq!(keys(&listed["sessions"][0]), ["created", "current", "id", "online", "used"]);
    assert_eq!(listed["sessions"][0]["current"], true);
    let of_phone =
        id_of(&listed, |session| session["online"] == true && session["current"] == false);
    assert_eq!(id_of(&desk.ok("sessions"), |session| session["current"] == true), of_phone);
    let bob = server.user("bob");
    assert_eq!(bob.refused(&format!("sessions revoke {of_phone}")), "session_not_found");
    desk.ok("ls");
    alice.ok(&format!("sessions revoke {of_phone}"));
    check_signed_out(&mut desk);
    assert!(!is_saved(&phone));
    assert_eq!(alice.refused(&format!("sessions revoke {of_phone}")), "session_not_found");
    let left = alice.ok("sessions");
    assert_eq!(items(&left["sessions"]).len(), 2);
    // A user can end the own session too, which signs out this connection.
    let own = id_of(&left, |session| session["current"] == true);
    let answers = alice.lines(&[&format!("sessions revoke {own}"), "ls"]);
    assert_eq!(answers[0]["ok"], true);
    assert_eq!(answers[1]["error"]["code"], "not_logged_in");
    assert!(!is_saved(&alice));
}

#[test]
fn a_session_id_reveals_nothing_about_the_token() {
    let server = Server::start();
    let alice = server.user("alice");
    alice.ok("ls");
    let listed = alice.ok("sessions").to_string();
    let saved = crate::harness::files_below(alice.home());
    let tokens = saved.iter().filter_map(|path| std::fs::read_to_string(path).ok());
    let tokens: Vec<_> = tokens.map(|text| text.trim().to_owned()).collect();
    let token = tokens.iter().find(|text| text.len() == 64).expect("a saved token");
    let id = id_of(&serde_json::from_str(&listed).unwrap(), |_| true);
    assert!(id.len() == 12 && !token.contains(&id), "{id}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resume_concurrent_with_the_end_of_its_session_is_signed_out() {
    let server = Server::start();
    for _ in 0..RACES {
        let session = session(&server, "alice", server.address).await;
        let (phone, laptop) = (resume(&session).await, connect(&server).await);
        let resuming = tokio::spawn({
            let (laptop, token) = (laptop.clone(), session.token.clone());
            async move { laptop.resume(token).await }
        });
        phone.logout().await.unwrap();
        let _ = resuming.await.unwrap();
        assert!(is_signed_out(&laptop).await);
    }
}

#[tokio::test]
async fn an_upload_stops_at_the_end_of_its_session() {
    let server = Server::start();
    let alice = device(&server, "alice").await;
    let raw = RawConnection::connect(&server).await;
    let password = PASSWORD.to_owned().try_into().unwrap();
    raw.ask(Login { user: "alice".parse().unwrap(), password }).await.unwrap();
    let (transfer, size) = (TransferId(1), 1_000_000);
    let (id, to, name) = (ClientId::random(), user("alice"), "film.mkv".into());
    let (mut send, mut receive) = raw.stream().await;
    let upload: qchat_client::proto::Request = Upload { id, to, name, size, transfer }.into();
    in_time(send.write_all(&frame::encode_frame(&upload))).await.unwrap();
    send.finish().unwrap();
    let opening = frame::read::<Result<UploadOpening, Refusal>>(&mut receive, ANSWER_BYTES_MAX);
    assert_eq!(in_time(opening).await.unwrap(), Ok(UploadOpening::SendFile { kept: 0 }));
    let mut file = in_time(raw.connection.open_uni()).await.unwrap();
    in_time(file.write_all(&frame::encode_frame(&FileHeader { transfer }))).await.unwrap();
    in_time(file.write_all(&frame::encode_frame(&BlockHeader::Block(0)))).await.unwrap();
    in_time(AsyncWriteExt::write_all(&mut file, &[7; 1000])).await.unwrap();
    alice.logout_everywhere().await.unwrap();
    // The upload ends without a wait for more bytes.
    let answer = frame::read::<Result<Message, Refusal>>(&mut receive, ANSWER_BYTES_MAX);
    let answer = tokio::time::timeout(Duration::from_secs(20), answer).await.expect("at once");
    assert_eq!(answer.unwrap(), Err(Refusal::NotLoggedIn));
    assert_eq!(server.uploads(), Vec::<String>::new());
}
