//! Servers that accept every client, and end each session at once.

use std::time::Duration;

use qchat_client::proto::command::{Event, Log, Resumed};
use qchat_client::proto::{Message, Request, Sequence, Timestamp};
use qchat_client::{
    Address, Beginning, Body, Client, Cursor, Cursors, Follower, MessageId, Reconnect, Refusal,
    SessionToken, Trust,
};
use quinn::{Connection, SendStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::server::{Identity, next_request, say, start};

/// With pauses that grow, about six attempts are made in this time. Without, there were hundreds.
const COUNTED_FOR: Duration = Duration::from_secs(4);
const TRIES_MAX: usize = 20;

/// The fault of the server in each answer to `Watch`.
#[derive(Debug, Clone, Copy)]
enum WatchFault {
    /// A message is left out.
    Gap,
    /// The answer ends after `CaughtUp`.
    EndOfAnswer,
    /// The connection ends.
    EndOfConnection,
}

impl WatchFault {
    async fn tell(self, connection: &Connection, answer: &mut SendStream) {
        let log = Log::Inbox;
        let events = match self {
            Self::Gap => vec![
                Event::Following(Cursor { log: log.clone(), after: Sequence(0) }),
                Event::Message { log, place: Sequence(5), message: message() },
                Event::CaughtUp,
            ],
            Self::EndOfAnswer | Self::EndOfConnection => vec![Event::CaughtUp],
        };
        for event in events {
            say(answer, &Ok::<_, Refusal>(event)).await;
        }
        match self {
            Self::Gap => {}
            Self::EndOfAnswer => answer.finish().unwrap(),
            Self::EndOfConnection => connection.close(0_u32.into(), b""),
        }
    }
}

fn message() -> Message {
    Message {
        id: MessageId { log: Address::User("alice".parse().unwrap()), sequence: Sequence(5) },
        from: "bob".parse().unwrap(),
        at: Timestamp::from_milliseconds(0),
        body: Body::Text("five".to_owned().try_into().unwrap()),
        unread: true,
    }
}

async fn serve(connection: Connection, fault: WatchFault, watched: mpsc::UnboundedSender<()>) {
    let mut open = Vec::new();
    while let Some((request, mut answer)) = next_request(&connection).await {
        match request {
            Request::Resume(_) => {
                let resumed = Resumed { user: "alice".parse().unwrap() };
                say(&mut answer, &Ok::<_, Refusal>(resumed)).await;
            }
            Request::Watch(_) => {
                let _ = watched.send(());
                fault.tell(&connection, &mut answer).await;
            }
            _ => {}
        }
        open.push(answer);
    }
}

async fn check(fault: WatchFault) {
    let (watched, mut watches) = mpsc::unbounded_channel();
    let identity = Identity::new();
    let server = start(&identity, move |connection| serve(connection, fault, watched.clone()));
    let trust = Trust::Fingerprint(identity.fingerprint());
    let client = Client::connect(&server, trust.clone()).await.unwrap();
    let reconnect = Reconnect { server: server.into(), trust, token: SessionToken::random() };
    let cursors = Cursors::Given(vec![Cursor { log: Log::Inbox, after: Sequence(0) }]);
    let follower = Follower::start(client, reconnect, cursors, Beginning::OldestUnread);
    let mut tries = 0;
    let too_many = async {
        while tries < TRIES_MAX {
            watches.recv().await.expect("the server is there");
            tries += 1;
        }
    };
    let ended = timeout(COUNTED_FOR, too_many).await;
    println!("{fault:?}: {tries} tries");
    assert!(ended.is_err(), "{fault:?}: {tries} tries in {COUNTED_FOR:?}");
    assert!(tries > 1, "{fault:?}: it is tried again");
    drop(follower);
}

#[tokio::test]
async fn a_gap_in_what_a_server_tells_makes_no_follower_spin() {
    check(WatchFault::Gap).await;
}

#[tokio::test]
async fn a_server_that_ends_every_answer_makes_no_follower_spin() {
    check(WatchFault::EndOfAnswer).await;
}

#[tokio::test]
async fn a_server_that_ends_every_connection_makes_no_follower_spin() {
    check(WatchFault::EndOfConnection).await;
}
