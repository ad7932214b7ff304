//! The flow control windows of a connection: small, and larger only while a file moves and the path needs more.
//!
//! Bytes that were not read yet or not acknowledged yet lie in memory on one of the two sides. A fast path with a long
//! delay needs much memory: 12.5 MB for 1 Gbit/s and 100 ms. So both windows are small at first.
//! The receive window doubles if half of it is received in less than two round trips, because it limits the sender then.
//! The send window follows the congestion window. Bytes beyond the small windows are taken from a budget that many
//! connections share. If the budget is used up, files are slower over long paths.

use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use quinn::{Connection, SendStream, VarInt};
use tokio::sync::{Mutex as AsyncMutex, OwnedSemaphorePermit, Semaphore};

use super::chat_priority::ChatPriority;
use crate::lock::lock;
use crate::send::ByteSink;

/// The largest windows in bytes: 1 Gbit/s times 100 ms, and some reserve. quinn cannot change the window of a stream later,
/// so it has this size from the start.
pub const WINDOW_BYTES_MAX: u32 = 16 * 1024 * 1024;

/// The size of a window in bytes while no file moves: chat needs no more.
pub const WINDOW_BYTES_MIN: u32 = 1024 * 1024;

/// The limits of the send window in bytes while files are sent: enough for the slowest path, and less than the largest
/// receive window of the peer, which then has room for chat.
const SENDING_BYTES_MIN: u32 = 128 * 1024;
const SENDING_BYTES_MAX: u32 = 14 * 1024 * 1024;

/// The budget is counted in units of this many bytes.
const UNIT: u32 = 1024 * 1024;

/// The send window is adjusted to the congestion window each time after this many bytes.
const ADJUST_EVERY_BYTES: usize = 64 * 1024;

/// Shorter round trips are replaced by this one: waking a thread takes about as long.
const ROUND_TRIP_MIN: Duration = Duration::from_micros(500);

/// The number of bytes that many connections share for windows beyond the small ones.
#[derive(Debug, Clone)]
pub struct WindowBudget(Arc<Semaphore>);

impl WindowBudget {
    /// A budget of this many mebibytes.
    pub fn of_mebibytes(count: u16) -> Self {
        Self(Arc::new(Semaphore::new(count.into())))
    }
}

/// The windows of one connection, and the order in which it sends.
#[derive(Debug)]
pub struct ConnectionWindows {
    connection: Connection,
    budget: WindowBudget,
    chat: ChatPriority,
    /// Held while a file is written to its stream, so that files take turns. On a slow path room comes one packet at a time,
    /// and without turns the file that asked first would take all of it.
    send_order: AsyncMutex<()>,
    is_managed: AtomicBool,
    receiving: Mutex<Window>,
    sending: Mutex<Window>,
}

/// The receive window or the send window.
#[derive(Debug)]
struct Window {
    files: usize,
    /// The size in bytes.
    size: u32,
    /// The permits that the window holds of the budget.
    extra: Option<OwnedSemaphorePermit>,
    /// The bytes that were received or sent since `since`.
    bytes: usize,
    since: Instant,
}

impl Default for Window {
    fn default() -> Self {
        Self { files: 0, size: WINDOW_BYTES_MIN, extra: None, bytes: 0, since: Instant::now() }
    }
}

impl Window {
    /// Changes the size if the budget allows it. Returns whether the size has changed.
    fn resize(&mut self, size: u32, budget: &WindowBudget) -> bool {
        let units = size.saturating_sub(WINDOW_BYTES_MIN).div_ceil(UNIT);
        let units = usize::try_from(units).unwrap_or(usize::MAX);
        let held = self.extra.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        if units < held {
            drop(self.extra.as_mut().and_then(|extra| extra.split(held - units)));
        } else if units > held {
            let more = u32::try_from(units - held).unwrap_or(u32::MAX);
            let Ok(more) = Arc::clone(&budget.0).try_acquire_many_owned(more) else {
                return false;
            };
            match &mut self.extra {
                Some(extra) => extra.merge(more),
                none => *none = Some(more),
            }
        }
        std::mem::replace(&mut self.size, size) != size
    }

    fn restart_count(&mut self) {
        (self.bytes, self.since) = (0, Instant::now());
    }
}

impl ConnectionWindows {
    /// The windows of a connection on which no file may move yet.
    pub fn new(connection: Connection, budget: WindowBudget) -> Arc<Self> {
        let (chat, send_order, is_managed) =
            (ChatPriority::default(), AsyncMutex::default(), AtomicBool::default());
        let (receiving, sending) = (Mutex::default(), Mutex::default());
        Arc::new(Self { connection, budget, chat, send_order, is_managed, receiving, sending })
    }

    /// Gives the connection the small windows, and from now on larger ones if files need them.
    pub fn manage(&self) {
        self.is_managed.store(true, Ordering::Relaxed);
        self.apply_receiving(lock(&self.receiving).size);
        self.apply_sending(lock(&self.sending).size);
    }

    /// Stops changing the windows of the connection. The caller may set them.
    pub fn release(&self) {
        self.is_managed.store(false, Ordering::Relaxed);
    }

    /// Runs a chat write, while files wait: both share the send window.
    ///
    /// # Cancel safety
    /// As cancel safe as `writing`.
    pub async fn write_before_files<T>(&self, writing: impl Future<Output = T>) -> T {
        self.chat.write_first(writing).await
    }

    /// Notes that a file is being received, until the returned value is dropped.
    pub fn incoming_file(self: &Arc<Self>) -> IncomingFile {
        let mut receiving = lock(&self.receiving);
        receiving.files += 1;
        receiving.restart_count();
        IncomingFile(Arc::clone(self))
    }

    /// Notes that a file is being sent on `stream`, until the returned value is dropped.
    pub fn outgoing_file<'a>(self: &Arc<Self>, stream: &'a mut SendStream) -> OutgoingFile<'a> {
        let mut sending = lock(&self.sending);
        sending.files += 1;
        self.follow_congestion_window(&mut sending);
        OutgoingFile { windows: Arc::clone(self), stream }
    }

    fn apply_receiving(&self, window: u32) {
        if self.is_managed.load(Ordering::Relaxed) {
            self.connection.set_receive_window(VarInt::from_u32(window));
        }
    }

    fn apply_sending(&self, window: u32) {
        if self.is_managed.load(Ordering::Relaxed) {
            self.connection.set_send_window(window.into());
        }
    }

    fn count_received(&self, bytes: usize) {
        let mut receiving = lock(&self.receiving);
        receiving.bytes = receiving.bytes.saturating_add(bytes);
        let half = usize::try_from(receiving.size / 2).unwrap_or(usize::MAX);
        if receiving.bytes < half || receiving.size >= WINDOW_BYTES_MAX {
            return;
        }
        let round_trip = self.connection.min_rtt().max(ROUND_TRIP_MIN);
        let limits_sender = receiving.since.elapsed() < 2 * round_trip;
        receiving.restart_count();
        let twice = receiving.size.saturating_mul(2).min(WINDOW_BYTES_MAX);
        if limits_sender && receiving.resize(twice, &self.budget) {
            self.apply_receiving(twice);
        }
    }

    fn count_sent(&self, bytes: usize) {
        let mut sending = lock(&self.sending);
        sending.bytes = sending.bytes.saturating_add(bytes);
        if sending.bytes >= ADJUST_EVERY_BYTES {
            self.follow_congestion_window(&mut sending);
        }
    }

    /// Allows two congestion windows: one is in flight, and one waits to be sent.
    fn follow_congestion_window(&self, sending: &mut Window) {
        sending.restart_count();
        let wanted = self.connection.stats().path.cwnd.saturating_mul(2);
        let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
        let wanted = wanted.clamp(SENDING_BYTES_MIN, SENDING_BYTES_MAX);
        if sending.resize(wanted, &self.budget) {
            self.apply_sending(wanted);
        }
    }

    fn end_file(&self, window: &Mutex<Window>, apply: impl Fn(&Self, u32)) {
        let mut window = lock(window);
        window.files = window.files.saturating_sub(1);
        if window.files == 0 && window.resize(WINDOW_BYTES_MIN, &self.budget) {
            apply(self, WINDOW_BYTES_MIN);
        }
    }
}

/// A file that is being received.
#[derive(Debug)]
pub struct IncomingFile(Arc<ConnectionWindows>);

impl IncomingFile {
    /// Counts received bytes.
    pub fn received(&self, bytes: u64) {
        self.0.count_received(usize::try_from(bytes).unwrap_or(usize::MAX));
    }
}

impl Drop for IncomingFile {
    fn drop(&mut self) {
        self.0.end_file(&self.0.receiving, ConnectionWindows::apply_receiving);
    }
}

/// A file that is being sent, with its stream.
#[derive(Debug)]
pub struct OutgoingFile<'a> {
    windows: Arc<ConnectionWindows>,
    stream: &'a mut SendStream,
}

impl ByteSink for OutgoingFile<'_> {
    async fn write(&mut self, bytes: &mut Bytes) -> io::Result<usize> {
        let _order = self.windows.send_order.lock().await;
        let chat = &self.windows.chat;
        let mut writing = pin!(self.stream.write_chunks(std::slice::from_mut(bytes)));
        let written = std::future::poll_fn(|context| match chat.must_wait(context) {
            true => Poll::Pending,
            false => writing.as_mut().poll(context),
        });
        let length = written.await?.bytes;
        self.windows.count_sent(length);
        Ok(length)
    }
}

impl Drop for OutgoingFile<'_> {
    fn drop(&mut self) {
        self.windows.end_file(&self.windows.sending, ConnectionWindows::apply_sending);
    }
}

#[cfg(test)]
mod tests;
