//! A connection with what both its ends know of it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use qchat_proto::{Command, Refusal, TransferId, UserName, quic_codes};
use qchat_transfer::{ConnectionWindows, StreamPairing, WindowBudget, until_silent};
use quinn::{Connection, Endpoint, RecvStream, VarInt};
use tokio::time::{interval, timeout};

use crate::commands::Announcements;
use crate::connection::call::Call;
use crate::connection::dial::Dialled;
use crate::connection::endpoint::Purpose;
use crate::connection::incoming_streams::take_files;
use crate::error::CallError;

/// How long closing may take.
const CLOSE_MAX: Duration = Duration::from_secs(1);

/// How long the goodbye may take to leave this machine.
const LEAVE_MAX: Duration = Duration::from_millis(20);

/// How often we look whether the server has heard our goodbye.
const CLOSE_LOOK: Duration = Duration::from_millis(1);

/// What both windows may have beyond the small ones: as much as they can use.
const WINDOWS_MEBIBYTES: u16 = 32;

/// The connection of a client.
pub(crate) struct Link {
    endpoint: Endpoint,
    pub(crate) connection: Connection,
    /// The downloads that wait for their files.
    pub(crate) files: Arc<StreamPairing<RecvStream>>,
    /// How much of its files lies in memory.
    pub(crate) windows: Arc<ConnectionWindows>,
    transfers: AtomicU64,
    user: Mutex<Option<UserName>>,
    announcements: Option<Announcements>,
    pub(crate) purpose: Purpose,
    /// Whether the connection was closed because it is not needed any more.
    done: AtomicBool,
}

impl Link {
    /// Whoever wants to remember which key the server will have next gives `announcements`.
    pub(crate) fn new(dialled: Dialled, announcements: Option<Announcements>) -> Self {
        let Dialled { endpoint, socket, connection, purpose, .. } = dialled;
        let files = Arc::new(StreamPairing::default());
        // These end with the connection, which ends with the link.
        tokio::spawn(socket.insist(connection.clone()));
        tokio::spawn(take_files(connection.clone(), Arc::clone(&files)));
        tokio::spawn(close_when_silent(connection.clone()));
        let windows = ConnectionWindows::new(
            connection.clone(),
            WindowBudget::of_mebibytes(WINDOWS_MEBIBYTES),
        );
        windows.manage();
        let (transfers, user) = (AtomicU64::new(1), Mutex::default());
        let done = AtomicBool::new(false);
        Self { endpoint, connection, files, windows, transfers, user, announcements, purpose, done }
    }

    /// Asks, and waits for the answer.
    pub(crate) async fn ask<C: Command>(&self, command: C) -> Result<C::Reply, CallError> {
        let answer = async { Call::ask(self, command).await?.reply().await }.await;
        self.heed(&answer);
        answer
    }

    /// The server knows best who is signed in.
    pub(crate) fn heed<T>(&self, answer: &Result<T, CallError>) {
        if let Err(CallError::Refused(Refusal::NotLoggedIn)) = answer {
            self.set_user(None);
        }
    }

    /// A transfer's number that was not used on this connection before.
    pub(crate) fn new_transfer(&self) -> TransferId {
        TransferId(self.transfers.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn user(&self) -> Option<UserName> {
        self.user.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_user(&self, user: Option<UserName>) {
        *self.user.lock().unwrap_or_else(PoisonError::into_inner) = user;
    }

    /// Notes who has signed in. From now on the server says which key it will have next.
    pub(crate) fn signed_in(&self, user: UserName) {
        self.set_user(Some(user));
        if let Some(announcements) = &self.announcements {
            announcements.follow(&self.connection, &self.windows);
        }
    }

    /// Whether the connection was closed because it is not needed any more.
    pub(crate) fn is_done(&self) -> bool {
        self.done.load(Ordering::Relaxed)
    }

    fn say_goodbye(&self) {
        self.done.store(true, Ordering::Relaxed);
        self.connection.close(VarInt::from_u32(quic_codes::GOODBYE), b"");
    }

    /// Says goodbye, and waits until the server has heard it or has had the time to.
    pub(crate) async fn close(&self) {
        if self.connection.close_reason().is_some() {
            return;
        }
        if let Some(announcements) = &self.announcements {
            // A short visit, too, learns which key comes next.
            let _ = timeout(CLOSE_MAX, announcements.heard()).await;
        }
        self.say_goodbye();
        let idle_or_heard = async {
            tokio::select! {
                () = self.endpoint.wait_idle() => {}
                () = self.goodbye_returned() => {}
            }
        };
        // On a path on which the answer comes too late, it is enough that the goodbye has left.
        let is_near = self.connection.rtt() < CLOSE_MAX;
        let _ = timeout(if is_near { CLOSE_MAX } else { LEAVE_MAX }, idle_or_heard).await;
    }

    /// The server answers a goodbye with its own (RFC 9000, section 10.2.2), of which quinn tells
    /// nobody; only its counters show it. Waiting until the connection is idle would be simpler, but
    /// takes three probe timeouts: 80 ms of every one-shot command, even on loopback.
    async fn goodbye_returned(&self) {
        let mut look = interval(CLOSE_LOOK);
        while self.connection.stats().frame_rx.connection_close == 0 {
            look.tick().await;
        }
    }
}

/// Gives a connection up on which nothing comes any more. Ends with the connection.
async fn close_when_silent(connection: Connection) {
    tokio::select! {
        _ = connection.closed() => {}
        () = until_silent(&connection) => connection.close(VarInt::from_u32(quic_codes::TOO_SLOW), b""),
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.say_goodbye();
    }
}
