//! Which key the server will have next, as it says itself, noted beside the pinned one.
//!
//! Only a server whose pinned key this connection was made with is listened to, and only by who has
//! signed in there. What it says concerns its own line of the pin file, and never the key that is pinned
//! in it: that one is forgotten only when the server shows the next. So the worst that a hostile server
//! can do is what it can do anyway: be itself.

use std::sync::{Arc, Mutex, PoisonError};

use qchat_proto::Fingerprint;
use qchat_proto::command::NextKey;
use qchat_transfer::ConnectionWindows;
use quinn::Connection;
use tokio::sync::watch;
use tokio::task::{AbortHandle, spawn_blocking};

use crate::address::ServerAddress;
use crate::connection::Call;
use crate::error::CallError;
use crate::trust::PinFile;
use crate::trust::Rule;

/// After so many changes on one connection no more are noted: each costs a write to the disk, and no
/// server changes its mind that often.
const CHANGES_MAX: usize = 16;

/// Listens to what a server says of its keys.
#[derive(Debug)]
pub(crate) struct Announcements {
    note: Note,
    /// Whether it is noted what the server said last, or known that it says nothing.
    heard: watch::Sender<bool>,
    listening: Mutex<Option<AbortHandle>>,
}

/// The line that is written.
#[derive(Debug, Clone)]
struct Note {
    pins: PinFile,
    server: ServerAddress,
    /// The key that the connection was made with.
    key: Fingerprint,
}

impl Announcements {
    /// Where the server is known by its key alone. A key that was asked for, or that an authority vouches
    /// for, is followed by none.
    pub(crate) fn for_rule(rule: &Rule, server: &ServerAddress, key: Fingerprint) -> Option<Self> {
        let Rule::Known { pins, .. } = rule else { return None };
        let note = Note { pins: pins.clone(), server: server.clone(), key };
        Some(Self { note, heard: watch::Sender::new(true), listening: Mutex::default() })
    }

    /// Listens from now on, until the session or the connection ends. Who listened before is relieved.
    pub(crate) fn follow(&self, connection: &Connection, windows: &Arc<ConnectionWindows>) {
        self.heard.send_replace(false);
        let (note, heard) = (self.note.clone(), self.heard.clone());
        let (connection, windows) = (connection.clone(), Arc::clone(windows));
        let listening = tokio::spawn(async move {
            listen(&note, Call::ask_over(&connection, &windows, NextKey), &heard).await;
            heard.send_replace(true);
        });
        let mut before = self.listening.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = before.replace(listening.abort_handle()) {
            before.abort();
        }
    }

    /// Waits until what the server says is noted.
    pub(crate) async fn heard(&self) {
        // This end is kept, so that it does not fail.
        let _ = self.heard.subscribe().wait_for(|heard| *heard).await;
    }
}

async fn listen(
    note: &Note,
    asking: impl Future<Output = Result<Call<NextKey>, CallError>>,
    heard: &watch::Sender<bool>,
) {
    // An older server does not know the question; it has nothing to say.
    let Ok(mut call) = asking.await else { return };
    for _ in 0..CHANGES_MAX {
        let Ok(keys) = call.event().await else { return };
        note.write(keys.after(note.key)).await;
        heard.send_replace(true);
    }
}

impl Note {
    async fn write(&self, next: Option<Fingerprint>) {
        let Self { pins, server, key } = self.clone();
        let written = spawn_blocking(move || pins.announce(&server, key, next)).await;
        if let Ok(Err(error)) = written {
            // Whoever is not prepared is stopped by the change, and told both keys.
            tracing::warn!(%error, "the server's next key cannot be noted");
        }
    }
}
