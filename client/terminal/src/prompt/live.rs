//! Watches on behalf of who is signed in at the prompt, and brings a lost connection back.
//!
//! What waits for the link is sent from here too. The shell stays the one owner of connection and account: all that is done here with it happens
//! while the prompt waits for a line, and is given up when one comes.

mod background;
mod enter;
mod receipts;
mod watch;

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::pending;
use std::io::stdout;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use qchat_client::{CallError, Client, Cursor, UserName};
use qchat_proto::command::Log;
use qchat_proto::{Code, Message};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::execute::{Executor, TaskEnd};
use crate::outbox::Delivery;
use crate::outcome::{Notice, ReceivedMessage};
use crate::output::{Palette, columns, text};
use crate::prompt::background_transfers::BackgroundTransfers;
use crate::prompt::live::receipts::ReceiptTracker;
use crate::prompt::live::watch::{WatchEnd, watch};
use crate::prompt::notices::{NoticeQueue, Print, start_printing};
use crate::prompt::text::{ConnectionState, prompt};

/// How many batches of shown messages wait for being marked as read.
const SHOWN_MAX: usize = 16;

/// How long marking may take when the program ends.
const MARK_MAX: Duration = Duration::from_secs(2);

/// The watching of one REPL.
#[derive(Debug)]
pub(crate) struct LiveSession {
    notices: Arc<NoticeQueue>,
    shown: mpsc::Receiver<Vec<ReceivedMessage>>,
    user: Option<UserName>,
    /// Where watching goes on.
    cursors: Vec<Cursor>,
    watch: WatchState,
    /// Whether it was told that the connection is lost.
    loss_is_told: bool,
    /// Whether it was tried in vain to make it again.
    failed: bool,
    /// What was shown and is to be marked as read: no more than the board has room for, since
    /// nothing new comes where marking fails.
    unmarked: Vec<ReceivedMessage>,
    marking: Option<JoinHandle<Vec<ReceivedMessage>>>,
    own: ReceiptTracker,
    /// Below which the lines wait that cannot be sent yet.
    outboxes: Option<PathBuf>,
    delivery: Option<Delivery>,
    transfers: BackgroundTransfers,
}

#[derive(Debug)]
enum WatchState {
    Off,
    On(JoinHandle<WatchEnd>),
    /// It ended, and is to go on.
    Lost,
}

impl LiveSession {
    /// Prints what comes by `print`. Without that nothing is watched. What cannot be sent yet waits below
    /// `outboxes`, if that is given.
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
            unmarked: Vec::new(),
            marking: None,
            own: ReceiptTracker::default(),
            outboxes,
            delivery: None,
            transfers: BackgroundTransfers::default(),
        }
    }

    /// Notes that it was told already that there is no connection yet.
    pub(crate) fn begin_offline(&mut self) {
        (self.loss_is_told, self.failed) = (true, true);
    }

    /// Takes note of what a line has changed: who is signed in, and on which connection.
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

    /// Makes the prompt tell the truth.
    fn show_state(&self, executor: &Executor) {
        let connection = match () {
            () if executor.is_connected() || executor.closed_idle() => ConnectionState::Ready,
            () if matches!(self.watch, WatchState::Lost) && !self.failed => {
                ConnectionState::Reconnecting
            }
            () => ConnectionState::Offline,
        };
        let waiting = self.delivery.as_ref().map_or(0, Delivery::waiting);
        self.notices.set_prompt(prompt(executor, connection, waiting));
    }

    /// Does what is to be done while the prompt waits.
    ///
    /// # Cancel safety
    /// Cancel safe, if the shell is told that it was broken off.
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
                // Nobody is signed in; the prompt says it all the same, unless the server has only
                // ended what nobody used.
                () = end_of_link(executor.client()), if matches!(self.watch, WatchState::Off) => {}
                shown = self.shown.recv() => {
                    self.unmarked.extend(shown.into_iter().flatten());
                    self.mark(executor.signed_in());
                }
                left = end_of(self.marking.as_mut()) => {
                    self.marking = None;
                    self.unmarked.extend(left.unwrap_or_default());
                }
            }
        }
    }

    /// Marks as read what was shown, and ends the watching.
    pub(crate) async fn finish(mut self, executor: &mut Executor) {
        self.stop();
        for remark in self.transfers.stop_all().into_iter().chain(self.close_delivery()) {
            executor.output().notice(&remark);
        }
        while let Ok(shown) = self.shown.try_recv() {
            self.unmarked.extend(shown);
        }
        let marked = async {
            if let Some(marking) = self.marking.take() {
                self.unmarked.extend(marking.await.unwrap_or_default());
            }
            self.mark(executor.signed_in());
            if let Some(marking) = self.marking.take() {
                let _ = marking.await;
            }
        };
        // What stays unread is shown again another time.
        let _ = timeout(MARK_MAX, marked).await;
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
        self.mark(Some((client, user)));
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
        self.unmarked.clear();
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

    /// Tries once to go on watching, on a new connection if need be.
    async fn resume(&mut self, executor: &mut Executor) {
        if !executor.is_connected() && !self.loss_is_told {
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
                // The first may only have met the end of the old one.
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

    /// Marks what was shown to who is signed in, unless that is being done. What could not be marked
    /// is tried again with what comes next.
    fn mark(&mut self, signed_in: Option<(Client, UserName)>) {
        let Some((client, user)) = signed_in.filter(|_| self.marking.is_none()) else { return };
        self.unmarked.retain(|heard| heard.reader == user);
        if !self.unmarked.is_empty() {
            let shown = std::mem::take(&mut self.unmarked);
            self.marking = Some(tokio::spawn(mark_read(client, shown)));
        }
    }
}

impl Drop for LiveSession {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What comes of sending what waits; waits for ever where nothing does.
async fn step(delivery: &mut Option<Delivery>, executor: &Executor) -> TaskEnd {
    match delivery {
        Some(delivery) => delivery.step(executor.signed_in(), executor.options()).await,
        None => pending().await,
    }
}

async fn end_of_watch(watch: &mut WatchState) -> Option<WatchEnd> {
    match watch {
        WatchState::On(task) => end_of(Some(task)).await,
        WatchState::Off | WatchState::Lost => pending().await,
    }
}

async fn end_of_link(client: Option<&Client>) {
    match client {
        Some(client) => client.closed().await,
        None => pending().await,
    }
}

/// What came of a task; nothing where it broke down. Waits for ever where there is none.
async fn end_of<T>(task: Option<&mut JoinHandle<T>>) -> Option<T> {
    match task {
        Some(task) => task.await.ok(),
        None => pending().await,
    }
}

/// Marks messages as read; returns those for which the link was lost.
async fn mark_read(client: Client, shown: Vec<ReceivedMessage>) -> Vec<ReceivedMessage> {
    let mut logs: HashMap<Log, Vec<Message>> = HashMap::new();
    for heard in &shown {
        logs.entry(heard.log.clone()).or_default().push(heard.message.clone());
    }
    for (log, messages) in logs {
        match client.mark_read(log, &messages).await {
            Ok(()) | Err(CallError::Refused(_)) => {}
            // Marking twice does no harm.
            Err(_) => return shown,
        }
    }
    Vec::new()
}
