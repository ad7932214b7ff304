//! A path of UDP between one client and a server: one whose far address can change, or a slow one.

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

/// How many datagrams may be on their way in one direction, whatever the path says.
const DATAGRAMS_MAX: usize = 32_768;

/// What each direction of a path does to datagrams.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Path {
    /// As fast as it goes, where none is named.
    pub(crate) bytes_per_second: Option<u32>,
    /// From one end to the other.
    pub(crate) delay: Duration,
    /// What would have to wait longer to leave is dropped.
    pub(crate) queue_max: Duration,
    /// Of this many datagrams one is lost, evenly, where a number is named.
    pub(crate) lost_one_in: Option<u32>,
}

/// A path that changes nothing.
pub(crate) const CLEAR: Path = Path {
    bytes_per_second: None,
    delay: Duration::ZERO,
    queue_max: Duration::MAX,
    lost_one_in: None,
};

/// 10 Mbit/s each way, 40 ms there and back, and room for 100 ms of what leaves.
pub(crate) const SLOW: Path = Path {
    bytes_per_second: Some(10_000_000 / 8),
    delay: Duration::from_millis(20),
    queue_max: Duration::from_millis(100),
    lost_one_in: None,
};

/// A link that some relays share: what enters one of them waits behind what entered the others.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    path: Path,
    /// When what has entered in each direction will have left.
    free: [Shared<Instant>; 2],
}

impl Link {
    pub(crate) fn of(path: Path) -> Self {
        Self { path, free: [(); 2].map(|()| Arc::new(Mutex::new(Instant::now()))) }
    }
}

/// A relay. Dropping it ends the path.
pub(crate) struct Relay {
    /// Where the client reaches the server.
    pub(crate) address: SocketAddr,
    server: SocketAddr,
    far: Shared<Arc<UdpSocket>>,
    down: Entrance,
    listening: JoinHandle<()>,
    _tasks: JoinSet<()>,
}

type Shared<T> = Arc<Mutex<T>>;

impl Relay {
    /// A relay on a link of its own.
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

    /// From now on the server sees the client at another address, and reaches it at the old one no
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

/// A socket that loses nothing by itself while the relay's threads are held up for a moment.
fn socket() -> std::io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    // The system may give less.
    let _ = socket.set_recv_buffer_size(SOCKET_BUFFER_BYTES);
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    UdpSocket::from_std(socket.into())
}

/// Where datagrams enter one direction of the path.
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

    /// Puts a datagram behind those that wait, or drops it where too much does.
    fn enter(&self, datagram: &[u8]) {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        if self.path.lost_one_in.is_some_and(|every| number % every == every - 1) {
            return;
        }
        if let Some(arrival) = self.arrival(datagram.len()) {
            let _ = self.entered.try_send((arrival, datagram.to_vec()));
        }
    }

    /// When a datagram of this length arrives that enters now.
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
        // What the system tells of an earlier datagram that did not arrive is no end.
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

/// Where datagrams leave the path.
enum Exit {
    Server(Shared<Arc<UdpSocket>>),
    Client(Arc<UdpSocket>, Shared<Option<SocketAddr>>),
}

async fn deliver(mut leaving: mpsc::Receiver<(Instant, Vec<u8>)>, exit: Exit) {
    while let Some((arrival, datagram)) = leaving.recv().await {
        if arrival > Instant::now() {
            sleep_until(arrival).await;
        }
        // An end that is not there loses it.
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
