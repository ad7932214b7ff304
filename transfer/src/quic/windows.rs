//! How much of its files a connection may have in memory: little, and more only while one moves and the
//! path needs it.
//!
//! What has not come yet, or is not acknowledged yet, lies in memory on one side or the other, and a fast
//! path with a long delay needs much of it: 12.5 MB for 1 Gbit/s and 100 ms. So both windows are small at
//! first. The receiving one doubles when half of it comes in less than two round trips, which is when
//! it holds the sender up; the sending one follows the congestion window. What goes beyond the small
//! ones is taken from a budget that many connections share: when it is used up, files are slower over
//! long paths, and nothing else.

use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use quinn::{Connection, SendStream, VarInt};
use tokio::sync::{Mutex as AsyncMutex, OwnedSemaphorePermit, Semaphore};

use super::chat_priority::ChatPriority;
use crate::send::ByteSink;

/// The largest windows, in bytes: 1 Gbit/s times 100 ms, and some room. A stream's own window cannot be
/// changed, so it has to be this from the start.
pub const WINDOW_BYTES_MAX: u32 = 16 * 1024 * 1024;

/// What a window has while no file moves, in bytes: talk needs no more.
pub const WINDOW_BYTES_MIN: u32 = 1024 * 1024;

/// While files go, they may wait and be on their way in so many bytes: enough for the slowest path, and
/// less than the receiver's largest window, so that talk finds room in it.
const SENDING_BYTES_MIN: u32 = 128 * 1024;
const SENDING_BYTES_MAX: u32 = 14 * 1024 * 1024;

/// The budget is counted in pieces of this many bytes.
const UNIT: u32 = 1024 * 1024;

/// So often the sending window is brought to what the congestion window has become.
const LOOK_EVERY_BYTES: usize = 64 * 1024;

/// A round trip that is too short to be measured well: threads take as long to be woken.
const ROUND_TRIP_MIN: Duration = Duration::from_micros(500);

/// What many connections may take beyond their small windows.
#[derive(Debug, Clone)]
pub struct WindowBudget(Arc<Semaphore>);

impl WindowBudget {
    /// Of so many mebibytes.
    pub fn of_mebibytes(count: u16) -> Self {
        Self(Arc::new(Semaphore::new(count.into())))
    }
}

/// The windows of one connection, and the order of what it sends.
#[derive(Debug)]
pub struct ConnectionWindows {
    connection: Connection,
    budget: WindowBudget,
    chat: ChatPriority,
    /// Whose turn it is among the files that go. Room for more comes a packet at a time on a slow path, and
    /// whoever asked first would take it all the time.
    send_order: AsyncMutex<()>,
    is_managed: AtomicBool,
    receiving: Mutex<Window>,
    sending: Mutex<Window>,
}

/// One of the two windows.
#[derive(Debug)]
struct Window {
    files: usize,
    window: u32,
    /// What it has of the budget.
    extra: Option<OwnedSemaphorePermit>,
    /// What has come or gone since `since`.
    bytes: usize,
    since: Instant,
}

impl Default for Window {
    fn default() -> Self {
        Self { files: 0, window: WINDOW_BYTES_MIN, extra: None, bytes: 0, since: Instant::now() }
    }
}

impl Window {
    /// Takes another window, if the budget has it. Whether it is another one now.
    fn resize(&mut self, window: u32, budget: &WindowBudget) -> bool {
        let units = window.saturating_sub(WINDOW_BYTES_MIN).div_ceil(UNIT);
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
        std::mem::replace(&mut self.window, window) != window
    }

    fn begin_anew(&mut self) {
        (self.bytes, self.since) = (0, Instant::now());
    }
}

impl ConnectionWindows {
    /// That of a connection on which no file may move yet.
    pub fn new(connection: Connection, budget: WindowBudget) -> Arc<Self> {
        let (chat, send_order, is_managed) =
            (ChatPriority::default(), AsyncMutex::default(), AtomicBool::default());
        let (receiving, sending) = (Mutex::default(), Mutex::default());
        Arc::new(Self { connection, budget, chat, send_order, is_managed, receiving, sending })
    }

    /// Gives the connection its small windows, which are for talk, and larger ones as files need them.
    pub fn manage(&self) {
        self.is_managed.store(true, Ordering::Relaxed);
        self.apply_receiving(lock(&self.receiving).window);
        self.apply_sending(lock(&self.sending).window);
    }

    /// Leaves the connection's windows to somebody else.
    pub fn release(&self) {
        self.is_managed.store(false, Ordering::Relaxed);
    }

    /// Writes something that goes before files: they share what may wait to be sent.
    ///
    /// # Cancel safety
    /// That of `writing`.
    pub async fn write_before_files<T>(&self, writing: impl Future<Output = T>) -> T {
        self.chat.first(writing).await
    }

    /// A file begins to come.
    pub fn incoming_file(self: &Arc<Self>) -> IncomingFile {
        let mut receiving = lock(&self.receiving);
        receiving.files += 1;
        receiving.begin_anew();
        IncomingFile(Arc::clone(self))
    }

    /// A file begins to go.
    pub fn outgoing_file<'a>(self: &Arc<Self>, stream: &'a mut SendStream) -> OutgoingFile<'a> {
        let mut sending = lock(&self.sending);
        sending.files += 1;
        self.follow_congestion(&mut sending);
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

    fn came(&self, bytes: usize) {
        let mut receiving = lock(&self.receiving);
        receiving.bytes = receiving.bytes.saturating_add(bytes);
        let half = usize::try_from(receiving.window / 2).unwrap_or(usize::MAX);
        if receiving.bytes < half || receiving.window >= WINDOW_BYTES_MAX {
            return;
        }
        let round_trip = self.connection.min_rtt().max(ROUND_TRIP_MIN);
        let is_brake = receiving.since.elapsed() < 2 * round_trip;
        receiving.begin_anew();
        let twice = receiving.window.saturating_mul(2).min(WINDOW_BYTES_MAX);
        if is_brake && receiving.resize(twice, &self.budget) {
            self.apply_receiving(twice);
        }
    }

    fn went(&self, bytes: usize) {
        let mut sending = lock(&self.sending);
        sending.bytes = sending.bytes.saturating_add(bytes);
        if sending.bytes >= LOOK_EVERY_BYTES {
            self.follow_congestion(&mut sending);
        }
    }

    /// One congestion window is on its way, another one waits behind it.
    fn follow_congestion(&self, sending: &mut Window) {
        sending.begin_anew();
        let wanted = self.connection.stats().path.cwnd.saturating_mul(2);
        let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
        let wanted = wanted.clamp(SENDING_BYTES_MIN, SENDING_BYTES_MAX);
        if sending.resize(wanted, &self.budget) {
            self.apply_sending(wanted);
        }
    }

    fn ended(&self, window: &Mutex<Window>, apply: impl Fn(&Self, u32)) {
        let mut window = lock(window);
        window.files = window.files.saturating_sub(1);
        if window.files == 0 && window.resize(WINDOW_BYTES_MIN, &self.budget) {
            apply(self, WINDOW_BYTES_MIN);
        }
    }
}

/// A file that comes. Dropped when it no longer does.
#[derive(Debug)]
pub struct IncomingFile(Arc<ConnectionWindows>);

impl IncomingFile {
    /// So many bytes have come.
    pub fn received(&self, bytes: u64) {
        self.0.came(usize::try_from(bytes).unwrap_or(usize::MAX));
    }
}

impl Drop for IncomingFile {
    fn drop(&mut self) {
        self.0.ended(&self.0.receiving, ConnectionWindows::apply_receiving);
    }
}

/// A file that goes, with its stream.
#[derive(Debug)]
pub struct OutgoingFile<'a> {
    windows: Arc<ConnectionWindows>,
    stream: &'a mut SendStream,
}

impl ByteSink for OutgoingFile<'_> {
    async fn write(&mut self, bytes: &mut Bytes) -> io::Result<usize> {
        let _turn = self.windows.send_order.lock().await;
        let chat = &self.windows.chat;
        let mut writing = pin!(self.stream.write_chunks(std::slice::from_mut(bytes)));
        let written = std::future::poll_fn(|context| match chat.goes_first(context) {
            true => Poll::Pending,
            false => writing.as_mut().poll(context),
        });
        let length = written.await?.bytes;
        self.windows.went(length);
        Ok(length)
    }
}

impl Drop for OutgoingFile<'_> {
    fn drop(&mut self) {
        self.windows.ended(&self.windows.sending, ConnectionWindows::apply_sending);
    }
}

fn lock(window: &Mutex<Window>) -> MutexGuard<'_, Window> {
    window.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEBIBYTE: u32 = 1024 * 1024;

    #[test]
    fn a_window_takes_from_the_budget_what_goes_beyond_the_small_one() {
        let budget = WindowBudget::of_mebibytes(20);
        let left = || budget.0.available_permits();
        let [mut one, mut two] = [Window::default(), Window::default()];
        for (wanted, is_new, expected_left) in [
            (MEBIBYTE, false, 20),
            (MEBIBYTE + 1, true, 19),
            (2 * MEBIBYTE, true, 19),
            (WINDOW_BYTES_MAX, true, 5),
            (4 * MEBIBYTE - 9, true, 17),
            (WINDOW_BYTES_MAX, true, 5),
        ] {
            assert_eq!((one.resize(wanted, &budget), one.window), (is_new, wanted));
            assert_eq!(left(), expected_left, "{wanted}");
        }
        assert!(!two.resize(8 * MEBIBYTE, &budget), "more than is left");
        assert!(two.resize(6 * MEBIBYTE, &budget));
        assert_eq!(left(), 0);
        assert!(one.resize(SENDING_BYTES_MIN, &budget));
        assert_eq!(left(), 15);
        drop(two);
        assert_eq!(left(), 20);
    }
}
