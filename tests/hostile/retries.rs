//! A server that accepts connections and aborts every command. The client repeats each command with growing
//! pauses.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use qchat_proto::command::{Event, Resumed, SignedIn};
use qchat_proto::limits::REQUEST_BYTES_MAX;
use qchat_proto::{Refusal, Request, SessionToken, frame, quic_codes};
use quinn::{Connection, SendStream, VarInt};
use serde::Serialize;

use crate::harness::{DEADLINE, PASSWORD, Screen};
use crate::hostile::server::HostileServer;

/// The duration of the count. With growing pauses it has about six attempts; without, dozens or more.
const COUNTED_FOR: Duration = Duration::from_secs(4);
const TRIES_MAX: usize = 20;

/// The command that the server aborts.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// The answer to `Watch`, after the client has caught up.
    Watching,
    /// The connection of a client that sends a text.
    Sending,
    /// The connection of a client that sends a file.
    Uploading,
}

impl Fault {
    async fn meets(
        self,
        request: Request,
        connection: &Connection,
        answer: &mut SendStream,
    ) -> bool {
        let user = || "alice".parse().unwrap();
        match (self, request) {
            (_, Request::Login(_)) => {
                say(answer, SignedIn { user: user(), token: SessionToken::random() }).await;
            }
            (_, Request::Resume(_)) => say(answer, Resumed { user: user() }).await,
            (fault, Request::Watch(_)) => {
                say(answer, Event::CaughtUp).await;
                if matches!(fault, Self::Watching) {
                    let _ = answer.finish();
                    return true;
                }
            }
            (Self::Sending, Request::SendText(_)) | (Self::Uploading, Request::Upload(_)) => {
                connection.close(VarInt::from_u32(quic_codes::GOODBYE), b"");
                return true;
            }
            _ => {}
        }
        false
    }
}

async fn say<T: Serialize>(answer: &mut SendStream, value: T) {
    let _ = answer.write_all(&frame::encode_frame(&Ok::<_, Refusal>(value))).await;
}

async fn serve(connection: Connection, fault: Fault, tries: Sender<()>) {
    let mut open = Vec::new();
    while let Ok((mut answer, mut question)) = connection.accept_bi().await {
        let Ok(request) = frame::read(&mut question, REQUEST_BYTES_MAX).await else { continue };
        if fault.meets(request, &connection, &mut answer).await {
            let _ = tries.send(());
        }
        open.push(answer);
    }
}

/// Runs lines at the prompt, and counts the attempts.
fn check(fault: Fault, lines: &[&str]) {
    let (made, tries) = channel();
    let server = HostileServer::start(move |connection| serve(connection, fault, made.clone()));
    let client = server.client_of("alice");
    client.write("film.mkv", b"a film");
    let mut screen = Screen::open(&client, &[]);
    screen.shows("password of alice");
    screen.enter_unseen(PASSWORD);
    screen.prompts("alice@");
    for line in lines {
        screen.enter(line);
    }
    let count = count(&tries);
    println!("{fault:?}: {count} tries");
    assert!((2..TRIES_MAX).contains(&count), "{fault:?}: {count} tries in {COUNTED_FOR:?}");
}

/// The number of attempts, counted from the first one.
fn count(tries: &Receiver<()>) -> usize {
    tries.recv_timeout(DEADLINE).expect("it is tried");
    let until = Instant::now() + COUNTED_FOR;
    let mut count = 1;
    while count < TRIES_MAX {
        match tries.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(()) => count += 1,
            Err(RecvTimeoutError::Timeout) => break,
            Err(RecvTimeoutError::Disconnected) => panic!("the server is gone"),
        }
    }
    count
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prompt_repeats_an_aborted_watch_with_growing_pauses() {
    check(Fault::Watching, &[]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_aborted_line_is_repeated_with_growing_pauses() {
    check(Fault::Sending, &["send bob hello"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_aborted_transfer_is_repeated_with_growing_pauses() {
    check(Fault::Uploading, &["send_file bob film.mkv &"]);
}
