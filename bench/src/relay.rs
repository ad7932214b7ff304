//! A UDP relay between one client and a server. Its address can change, and its link can be slow.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until};

/// The largest UDP payload.
const DATAGRAM_BYTES_MAX: usize = 65_535;

const SOCKET_BUFFER_BYTES: usize = 16 * 1024 * 1024;

/// The largest number of datagrams on their way in one direction.
const DATAGRAMS_MAX: usize = 32_768;

/// Bandwidth, delay and loss of each direction of a path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Path {
    /// Unlimited if `None`.
    pub(crate) bytes_per_second: Option<u32>,
    /// The delay of each datagram, one way.
    pub(crate) delay: Duration,
    /// A datagram that would wait longer than this in the queue is dropped.
    pub(crate) queue_max: Duration,
    /// One of this many datagrams is lost, at regular intervals. No loss if `None`.
    pub(crate) lost_one_in: Option<u32>,
}

/// A path without limits.
pub(crate) const CLEAR: Path = Path {
    bytes_per_second: None,
    delay: Duration::ZERO,
    queue_max: Duration::MAX,
    lost_one_in: None,
};

/// 10 Mbit/s each way, a round trip of 40 ms, and a queue of 100 ms.
pub(crate) const SLOW: Path = Path {
    bytes_per_second: Some(10_000_000 / 8),
    delay: Duration::from_millis(20),
    queue_max: Duration::from_millis(100),
    lost_one_in: None,
};

/// A link that several relays share. Their datagrams wait in one queue.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    path: Path,
    /// The time at which the link becomes idle, in each direction.
    free: [Shared<Instant>; 2],
}

impl Link {
    pub(crate) fn of(path: Path) -> Self {
        Self { path, free: [(); 2].map(|()| Arc::new(Mutex::new(Instant::now()))) }
    }
}

/// A relay. Dropping this value ends it.
pub(crate) struct Relay {
    /// The address that the client connects to.
    pub(crate) address: SocketAddr,
    server: SocketAddr,
    far: Shared<Arc<UdpSocket>>,
    down: Entrance,
    listening: JoinHandle<()>,
    _tasks: JoinSet<()>,
}

type Shared<T> = Arc<Mutex<T>>;

impl Relay {
    /// A relay that shares its link with no other.
    pub(crate) async fn start(server: SocketAddr, path: Path) -> anyhow::Result<Self> {
        Self::over(&Link::of(path), server).await
    }

    pub(crate) async fn over(link: &Link, server: SocketAddr) -> anyhow::Result<Self> {
        let near = Arc::new(socket()?);
        let address = near.local_addr()?;
        let first = far_socket(server).await?;
        let far = Arc::new(Mutex::new(Arc::clone(&first)));
        let client = Arc::default();
        let [(up, leaving_up), (down, leaving_down)] =
            link.free.clone().map(|free| Entrance::of(link.path, free));
        let mut tasks = JoinSet::new();
        tasks.spawn(from_client(Arc::clone(&near), Arc::clone(&client), up));
        tasks.spawn(deliver(leaving_up, Exit::Server(Arc::clone(&far))));
        tasks.spawn(deliver(leaving_down, Exit::Client(near, client)));
        let listening = tokio::spawn(from_server(first, down.clone()));
        Ok(Self { address, server, far, down, listening, _tasks: tasks })
    }

    /// Changes the address at which the server sees the client. The old address receives nothing any
    /// more.
    pub(crate) async fn move_client(&mut self) -> anyhow::Result<()> {
        let far = far_socket(self.server).await?;
        self.listening.abort();
        self.listening = tokio::spawn(from_server(Arc::clone(&far), self.down.clone()));
        *lock(&self.far) = far;
        Ok(())
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn far_socket(server: SocketAddr) -> std::io::Result<Arc<UdpSocket>> {
    let socket = socket()?;
    socket.connect(server).await?;
    Ok(Arc::new(socket))
}

/// A socket with large buffers, so that it drops nothing while the threads of the relay are delayed.
fn socket() -> std::io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    // The system may grant less.
    let _ = socket.set_recv_buffer_size(SOCKET_BUFFER_BYTES);
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    UdpSocket::from_std(socket.into())
}

/// The entry of one direction of the path.
#[derive(Clone)]
struct Entrance {
    path: Path,
    free: Shared<Instant>,
    count: Arc<AtomicU32>,
    entered: mpsc::Sender<(Instant, Vec<u8>)>,
}

impl Entrance {
    fn of(path: Path, free: Shared<Instant>) -> (Self, mpsc::Receiver<(Instant, Vec<u8>)>) {
        let (entered, leaving) = mpsc::channel(DATAGRAMS_MAX);
        (Self { path, free, count: Arc::default(), entered }, leaving)
    }

    /// Queues a datagram, or drops it if the queue is full.
    fn enter(&self, datagram: &[u8]) {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        if self.path.lost_one_in.is_some_and(|every| number % every == every - 1) {
            return;
        }
        if let Some(arrival) = self.arrival(datagram.len()) {
            let _ = self.entered.try_send((arrival, datagram.to_vec()));
        }
    }

    /// The arrival time of a datagram of this length that enters now.
    fn arrival(&self, bytes: usize) -> Option<Instant> {
        let now = Instant::now();
        let mut free = lock(&self.free);
        let start = now.max(*free);
        if start - now > self.path.queue_max {
            return None;
        }
        let rate = self.path.bytes_per_second.map(f64::from);
        let bytes = f64::from(u32::try_from(bytes).unwrap_or(u32::MAX));
        *free = start + rate.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(bytes / rate));
        Some(*free + self.path.delay)
    }
}

async fn from_client(near: Arc<UdpSocket>, client: Shared<Option<SocketAddr>>, up: Entrance) {
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        // The error may belong to an earlier datagram. It does not end the relay.
        let Ok((length, from)) = near.recv_from(&mut buffer).await else { continue };
        *lock(&client) = Some(from);
        up.enter(buffer.get(..length).unwrap_or_default());
    }
}

async fn from_server(far: Arc<UdpSocket>, down: Entrance) {
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        let Ok(length) = far.recv(&mut buffer).await else { continue };
        down.enter(buffer.get(..length).unwrap_or_default());
    }
}

/// The exit of one direction of the path.
enum Exit {
    Server(Shared<Arc<UdpSocket>>),
    Client(Arc<UdpSocket>, Shared<Option<SocketAddr>>),
}

async fn deliver(mut leaving: mpsc::Receiver<(Instant, Vec<u8>)>, exit: Exit) {
    while let Some((arrival, datagram)) = leaving.recv().await {
        if arrival > Instant::now() {
            sleep_until(arrival).await;
        }
        // If nothing listens there, the datagram is lost.
        let _ = match &exit {
            Exit::Server(far) => {
                let far = Arc::clone(&lock(far));
                far.send(&datagram).await
            }
            Exit::Client(near, client) => {
                let client = *lock(client);
                let Some(client) = client else { continue };
                near.send_to(&datagram, client).await
            }
        };
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
