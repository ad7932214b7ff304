//! The server's announcement of its next key, noted in the pin file.
//!
//! A client listens only to a server with the pinned key, and only after signing in there. An announcement
//! changes only lines of the pin file that have the server's own key, and never that key: it is replaced when
//! the server shows the announced one. So a hostile server gains nothing by an announcement.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use qchat_proto::Fingerprint;
use qchat_proto::command::NextKey;
use tokio::sync::watch;
use tokio::task::{AbortHandle, spawn_blocking};
use tokio::time::timeout;

use crate::address::ServerAddress;
use crate::connection::call::Call;
use crate::connection::handle::Connection;
use crate::error::CallError;
use crate::lock::lock;
use crate::trust::{PinFile, Rule};

/// The most changes that are noted on one connection: each costs a write to the disk, and no honest server
/// announces more.
const CHANGES_MAX: usize = 16;

/// How long closing a connection waits for the first announcement.
const NOTED_MAX: Duration = Duration::from_secs(1);

/// Listens to a server's announcements of its keys.
pub(crate) struct Announcements {
    pin: AnnouncingPin,
    /// Whether the last announcement is noted, or the server is known to make none.
    noted: watch::Sender<bool>,
    listening: Mutex<Option<AbortHandle>>,
}

/// The address and the key whose lines of the pin file announcements change.
#[derive(Debug, Clone)]
struct AnnouncingPin {
    pins: PinFile,
    server: ServerAddress,
    /// The key that the connection was made with.
    key: Fingerprint,
}

impl Announcements {
    /// `None` unless the server is known by a pinned key. A key that was asked for, or that an authority
    /// vouches for, has no successor in the pin file.
    pub(crate) fn for_rule(rule: &Rule, server: &ServerAddress, key: Fingerprint) -> Option<Self> {
        let Rule::Known { pins, .. } = rule else { return None };
        let pin = AnnouncingPin { pins: pins.clone(), server: server.clone(), key };
        Some(Self { pin, noted: watch::Sender::new(true), listening: Mutex::default() })
    }

    /// Listens from now on, until the session or the connection ends. Replaces the listening of an earlier
    /// session.
    pub(crate) fn follow(&self, connection: &Connection) {
        self.noted.send_replace(false);
        let (pin, noted) = (self.pin.clone(), self.noted.clone());
        let (quic, windows) = (connection.quic.clone(), Arc::clone(&connection.windows));
        let drain = connection.drain.clone();
        let listening = tokio::spawn(async move {
            listen(&pin, Call::ask_over(&quic, &windows, &drain, NextKey), &noted).await;
            noted.send_replace(true);
        });
        let mut before = lock(&self.listening);
        if let Some(before) = before.replace(listening.abort_handle()) {
            before.abort();
        }
    }

    /// Waits a moment until the server's announcement is noted.
    pub(crate) async fn wait_until_noted(&self) {
        // Fails only when the sender is gone, which is a field of this value.
        let _ = timeout(NOTED_MAX, self.noted.subscribe().wait_for(|noted| *noted)).await;
    }
}

async fn listen(
    pin: &AnnouncingPin,
    asking: impl Future<Output = Result<Call<NextKey>, CallError>>,
    noted: &watch::Sender<bool>,
) {
    // An older server does not know this command, and announces nothing.
    let Ok(mut call) = asking.await else { return };
    for _ in 0..CHANGES_MAX {
        let Ok(keys) = call.event().await else { return };
        pin.write(keys.after(pin.key)).await;
        noted.send_replace(true);
    }
}

impl AnnouncingPin {
    async fn write(&self, next: Option<Fingerprint>) {
        let Self { pins, server, key } = self.clone();
        let written = spawn_blocking(move || pins.announce(&server, key, next)).await;
        if let Ok(Err(error)) = written {
            // Without the note, the change of the key stops the client, which shows both keys.
            tracing::warn!(%error, "the server's next key cannot be noted");
        }
    }
}
