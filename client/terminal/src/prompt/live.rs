//! Everything that happens while the prompt waits for a line: watching, reconnecting, sending, marking.
//!
//! The executor owns the connection and the account. Everything that is done with it here is cancelled when a
//! line comes.

mod background;
mod enter;
mod mark_read;
mod receipts;
mod watch;

use std::convert::Infallible;
use std::future::pending;
use std::io::stdout;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use qchat_client::{Client, Cursor, UserName};
use qchat_proto::Code;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::execute::{Executor, TaskEnd};
use crate::outbox::Delivery;
use crate::outcome::{Notice, ReceivedMessage};
use crate::output::{Palette, columns, text};
use crate::prompt::background_transfers::BackgroundTransfers;
use crate::prompt::live::mark_read::ReadMarker;
use crate::prompt::live::receipts::ReceiptTracker;
use crate::prompt::live::watch::{WatchEnd, watch};
use crate::prompt::notices::{NoticeQueue, Print, start_printing};
use crate::prompt::text::{ConnectionState, prompt};

/// How many batches of printed messages wait for their marking.
const SHOWN_MAX: usize = 16;

/// How long marking may take at the end of the program.
const MARK_MAX: Duration = Duration::from_secs(2);

/// The state beside the lines of one prompt.
#[derive(Debug)]
pub(crate) struct LiveSession {
    notices: Arc<NoticeQueue>,
    shown: mpsc::Receiver<Vec<ReceivedMessage>>,
    user: Option<UserName>,
    /// The positions from which the watch goes on.
    cursors: Vec<Cursor>,
    watch: WatchState,
    /// Whether the loss of the connection was announced.
    loss_is_told: bool,
    /// Whether an attempt to reconnect has failed.
    failed: bool,
    marker: ReadMarker,
    own: ReceiptTracker,
    /// The folder of the outboxes.
    outboxes: Option<PathBuf>,
    delivery: Option<Delivery>,
    transfers: BackgroundTransfers,
}

#[derive(Debug)]
enum WatchState {
    Off,
    On(JoinHandle<WatchEnd>),
    /// The watch has failed, and is to go on.
    Lost,
}

impl LiveSession {
    /// Prints notices with `print`. Lines that cannot be sent wait in a file below `outboxes`, if that is
    /// given.
    pub(crate) fn new(
        notices: Arc<NoticeQueue>,
        print: Box<Print>,
        outboxes: Option<PathBuf>,
    ) -> Self {
        let (heard, shown) = mpsc::channel(SHOWN_MAX);
        let palette = Palette::of_standard_output();
        start_printing(
            Arc::clone(&notices),
            print,
            move |batch| text::batch(batch, &palette, columns(stdout())),
            move |shown| shown.is_empty() || heard.blocking_send(shown).is_ok(),
        );
        Self {
            notices,
            shown,
            user: None,
            cursors: Vec::new(),
            watch: WatchState::Off,
            loss_is_told: false,
            failed: false,
            marker: ReadMarker::default(),
            own: ReceiptTracker::default(),
            outboxes,
            delivery: None,
            transfers: BackgroundTransfers::default(),
        }
    }

    /// Notes that the user was told that there is no connection.
    pub(crate) fn begin_offline(&mut self) {
        (self.loss_is_told, self.failed) = (true, true);
    }

    /// Follows the changes of a line: another user, another connection, messages that were read or sent.
    pub(crate) fn follow(&mut self, executor: &mut Executor) {
        self.notices.note_seen(executor.take_seen());
        if let Some(change) = executor.take_key_remark() {
            self.notice(&change);
        }
        let user = executor.user();
        if user != self.user {
            self.forget();
            self.user = user;
            self.open_delivery(executor);
        }
        for id in executor.take_sent() {
            self.own.add(id, executor.signed_in(), &self.notices);
        }
        match (&self.watch, executor.signed_in()) {
            (WatchState::Off | WatchState::Lost, Some((client, user))) => self.start(client, user),
            (WatchState::Off, None) if executor.can_be_restored() => self.watch = WatchState::Lost,
            _ => {}
        }
        self.show_state(executor);
    }

    /// Updates the text of the prompt.
    fn show_state(&self, executor: &Executor) {
        let is_ready = executor.is_connected() || executor.closed_idle() || executor.is_moving();
        let connection = match () {
            () if is_ready => ConnectionState::Ready,
            () if matches!(self.watch, WatchState::Lost) && !self.failed => {
                ConnectionState::Reconnecting
            }
            () => ConnectionState::Offline,
        };
        let waiting = self.delivery.as_ref().map_or(0, Delivery::waiting);
        self.notices.set_prompt(prompt(executor, connection, waiting));
    }

    /// Runs until the prompt has a line.
    ///
    /// # Cancel safety
    /// Cancel safe, if [`Executor::restore_cancelled`] is called after it.
    pub(crate) async fn attend(&mut self, executor: &mut Executor) -> Infallible {
        loop {
            self.show_state(executor);
            if let WatchState::Lost = self.watch {
                self.resume(executor).await;
                continue;
            }
            tokio::select! {
                step = step(&mut self.delivery, executor) => self.sent(step, executor),
                step = self.transfers.step(executor.signed_in(), executor.options()) => {
                    self.sent(step, executor);
                }
                ended = end_of_watch(&mut self.watch) => self.ended(ended),
                // Nobody is signed in. The prompt shows the loss in any case, unless the server has closed an
                // idle connection.
                () = end_of_connection(executor.client()), if matches!(self.watch, WatchState::Off) => {}
                shown = self.shown.recv() => {
                    self.marker.add(shown.into_iter().flatten());
                    self.marker.start(executor.signed_in());
                }
                () = self.marker.ended() => {}
            }
        }
    }

    /// Ends the watch, and marks the printed messages as read.
    pub(crate) async fn finish(mut self, executor: &mut Executor) {
        self.stop();
        for remark in self.transfers.stop_all().into_iter().chain(self.close_delivery()) {
            executor.output().notice(&remark);
        }
        while let Ok(shown) = self.shown.try_recv() {
            self.marker.add(shown);
        }
        // Messages that stay unread are shown again at the next prompt.
        let _ = timeout(MARK_MAX, self.marker.finish(executor.signed_in())).await;
    }

    fn start(&mut self, client: Client, user: UserName) {
        self.stop();
        let notices = Arc::clone(&self.notices);
        let watching = watch(client.clone(), user.clone(), self.cursors.clone(), notices);
        self.watch = WatchState::On(tokio::spawn(watching));
        (self.loss_is_told, self.failed) = (false, false);
        self.own.follow_on(&client, &self.notices);
        if let Some(delivery) = &mut self.delivery {
            delivery.note_connection();
        }
        self.transfers.connection_restored();
        self.marker.start(Some((client, user)));
    }

    fn stop(&mut self) {
        if let WatchState::On(task) = std::mem::replace(&mut self.watch, WatchState::Off) {
            task.abort();
        }
    }

    fn forget(&mut self) {
        self.stop();
        self.notices.clear();
        self.cursors.clear();
        self.marker.clear();
        self.own.clear();
        for remark in self.transfers.stop_all().into_iter().chain(self.close_delivery()) {
            self.notice(&remark);
        }
    }

    fn ended(&mut self, ended: Option<WatchEnd>) {
        let Some(WatchEnd { cursors }) = ended else {
            self.watch = WatchState::Off;
            return;
        };
        self.cursors = cursors;
        self.watch = WatchState::Lost;
    }

    /// Makes one attempt to go on watching, on a new connection if need be.
    async fn resume(&mut self, executor: &mut Executor) {
        if !executor.is_connected() && !executor.is_moving() && !self.loss_is_told {
            self.loss_is_told = true;
            self.notice("connection lost; trying again");
        }
        match executor.restore().await {
            Ok(()) => {
                let was_told = std::mem::take(&mut self.loss_is_told);
                self.watch = WatchState::Off;
                self.follow(executor);
                match self.user {
                    None => self.notice("the session has ended; sign in with auth_login"),
                    Some(_) if was_told => self.notice("connected again"),
                    Some(_) => {}
                }
            }
            Err(failure) if failure.code.may_connect_later() => {
                // The first attempt may only have found the end of the old connection.
                self.failed = self.loss_is_told;
            }
            Err(failure) => {
                (self.watch, self.failed) = (WatchState::Off, true);
                self.notice(&failure.text);
                if failure.code == Code::Identity {
                    self.notice("this prompt stays offline; after that, start qchat client again");
                }
            }
        }
    }

    fn notice(&self, text: &str) {
        self.notices.post(Notice::Text(text.to_owned()));
    }
}

impl Drop for LiveSession {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Waits for the result of a line in the outbox, for ever if none is sent.
async fn step(delivery: &mut Option<Delivery>, executor: &Executor) -> TaskEnd {
    match delivery {
        Some(delivery) => delivery.step(executor.signed_in(), executor.options()).await,
        None => pending().await,
    }
}

/// Waits for the end of the watch; `None` if it panicked.
async fn end_of_watch(watch: &mut WatchState) -> Option<WatchEnd> {
    match watch {
        WatchState::On(task) => task.await.ok(),
        WatchState::Off | WatchState::Lost => pending().await,
    }
}

async fn end_of_connection(client: Option<&Client>) {
    match client {
        Some(client) => client.closed().await,
        None => pending().await,
    }
}
