//! A UDP relay between clients and a server, with the faults of a real network.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, mpsc as answers};
use std::thread;

use tokio::net::UdpSocket;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{JoinHandle, spawn};
use tokio::time::{Instant, sleep_until};

use super::SeededRandom;
use super::faulty_network::{FaultyNetwork, NetworkCounters, NetworkFaults};

/// Forwards datagrams between clients and a server. Like a NAT router, it gives each client a port of its
/// own towards the server.
pub(crate) struct UdpRelay {
    pub(crate) address: SocketAddr,
    orders: UnboundedSender<Order>,
}

/// A job that the router runs between two datagrams.
type Order = Box<dyn FnOnce(&mut Router) + Send>;

impl UdpRelay {
    /// A relay without faults.
    pub(crate) fn to(server: SocketAddr) -> Self {
        Self::with_faults(server, NetworkFaults::NONE, SeededRandom::new(0))
    }

    /// A relay with these faults.
    pub(crate) fn with_faults(
        server: SocketAddr,
        faults: NetworkFaults,
        random: SeededRandom,
    ) -> Self {
        let (orders, received) = unbounded_channel();
        let (told, address) = answers::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async move {
                let router = Router::new(server, FaultyNetwork::new(faults, random)).await;
                told.send(router.downstream.local_addr().unwrap()).unwrap();
                router.run(received).await;
            });
        });
        Self { address: address.recv().unwrap(), orders }
    }

    /// From now on, no datagram of the server arrives.
    pub(crate) fn lose_answers(&self) {
        self.order(|router| router.answers_are_lost = true);
    }

    /// From now on, no datagram arrives in either direction.
    pub(crate) fn cut(&self) {
        self.order(|router| (router.is_cut, router.answers_are_lost) = (true, true));
    }

    /// Forwards datagrams in both directions again.
    pub(crate) fn mend(&self) {
        self.order(|router| (router.is_cut, router.answers_are_lost) = (false, false));
    }

    /// Gives each client a new port towards the server and closes the old one, as after a change of network
    /// or an expired NAT binding.
    pub(crate) fn change_ports(&self) {
        self.order(Router::change_ports);
    }

    /// The number of bytes that were delivered, in both directions together.
    pub(crate) fn carried(&self) -> u64 {
        self.order(|router| router.carried)
    }

    /// Waits until this many bytes have been delivered.
    #[track_caller]
    pub(crate) fn wait_until_carried(&self, bytes: u64) {
        let (reached, awaited) = answers::channel();
        self.order(move |router| router.awaited = Some((bytes, reached)));
        awaited.recv_timeout(super::DEADLINE).expect("the bytes are carried in time");
    }

    /// Replaces the faults and resets the counters.
    pub(crate) fn change_faults(&self, faults: NetworkFaults) {
        self.order(|router| router.network = FaultyNetwork::new(faults, SeededRandom::new(0)));
    }

    /// The counters since the faults were set.
    pub(crate) fn counters(&self) -> NetworkCounters {
        self.order(|router| router.network.counters())
    }

    /// Runs a job in the router, and waits for its result.
    fn order<T: Send + 'static>(&self, order: impl FnOnce(&mut Router) -> T + Send + 'static) -> T {
        let (done, answer) = answers::channel();
        let order: Order = Box::new(move |router| done.send(order(router)).unwrap());
        assert!(self.orders.send(order).is_ok(), "the relay is gone");
        answer.recv().unwrap()
    }
}

struct Router {
    server: SocketAddr,
    downstream: UdpSocket,
    upstream: HashMap<SocketAddr, Upstream>,
    /// Datagrams of the server, each with the client it is for.
    answers: UnboundedReceiver<(SocketAddr, Vec<u8>)>,
    answered: UnboundedSender<(SocketAddr, Vec<u8>)>,
    answers_are_lost: bool,
    is_cut: bool,
    carried: u64,
    /// Notified as soon as this many bytes are delivered.
    awaited: Option<(u64, answers::Sender<()>)>,
    network: FaultyNetwork,
    /// The time at which the link becomes idle, in each direction.
    free: [Instant; 2],
    under_way: BinaryHeap<Reverse<Datagram>>,
}

/// A client's socket towards the server.
struct Upstream {
    socket: Arc<UdpSocket>,
    reader: JoinHandle<()>,
}

/// A delayed datagram. The earliest comes first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Datagram {
    due: Instant,
    client: SocketAddr,
    direction: Direction,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Direction {
    ToServer,
    ToClient,
}

impl Router {
    async fn new(server: SocketAddr, network: FaultyNetwork) -> Self {
        let (answered, answers) = unbounded_channel();
        Self {
            server,
            downstream: UdpSocket::bind("127.0.0.1:0").await.unwrap(),
            upstream: HashMap::new(),
            answers,
            answered,
            answers_are_lost: false,
            is_cut: false,
            carried: 0,
            awaited: None,
            network,
            free: [Instant::now(); 2],
            under_way: BinaryHeap::new(),
        }
    }

    /// Forwards until the relay is dropped.
    async fn run(mut self, mut orders: UnboundedReceiver<Order>) {
        let mut buffer = vec![0; 65_536];
        loop {
            let due = self.under_way.peek().map(|Reverse(datagram)| datagram.due);
            let next = due.map_or(self.network.next_port_change(), |due| {
                due.min(self.network.next_port_change())
            });
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => order(&mut self),
                    None => return,
                },
                // The error of an earlier datagram to a client that has ended.
                received = self.downstream.recv_from(&mut buffer) => if let Ok((length, client)) = received {
                    self.take(client, Direction::ToServer, buffer[..length].to_vec()).await;
                },
                Some((client, answer)) = self.answers.recv() => {
                    self.take(client, Direction::ToClient, answer).await;
                }
                () = sleep_until(next) => self.run_due().await,
            }
        }
    }

    /// Takes a datagram. The faults decide when it arrives, and how often.
    async fn take(&mut self, client: SocketAddr, direction: Direction, bytes: Vec<u8>) {
        let lost = match direction {
            Direction::ToServer => self.is_cut,
            Direction::ToClient => self.answers_are_lost,
        };
        self.network.count(bytes.len(), direction == Direction::ToServer);
        if lost {
            return;
        }
        for delay in self.network.delays() {
            let (now, bytes) = (Instant::now(), bytes.clone());
            let [to_server, to_client] = &mut self.free;
            let free = match direction {
                Direction::ToServer => to_server,
                Direction::ToClient => to_client,
            };
            let Some(done) = self.network.queue(*free, bytes.len()) else { continue };
            *free = done;
            let due = *free + delay;
            let datagram = Datagram { due, client, direction, bytes };
            match due <= now {
                true => self.deliver(datagram).await,
                false => self.under_way.push(Reverse(datagram)),
            }
        }
    }

    /// Changes ports and delivers datagrams that are due.
    async fn run_due(&mut self) {
        if self.network.ports_change() {
            self.change_ports();
        }
        while let Some(Reverse(next)) = self.under_way.peek()
            && next.due <= Instant::now()
        {
            let Some(Reverse(datagram)) = self.under_way.pop() else { return };
            self.deliver(datagram).await;
        }
    }

    async fn deliver(&mut self, Datagram { client, direction, bytes, .. }: Datagram) {
        // An error means that no server or no client is there.
        let sent = match direction {
            Direction::ToServer => self.upstream(client).await.send(&bytes).await,
            Direction::ToClient => self.downstream.send_to(&bytes, client).await,
        };
        self.carried += sent.map_or(0, |sent| u64::try_from(sent).unwrap());
        if let Some((_, awaited)) = self.awaited.take_if(|(bytes, _)| self.carried >= *bytes) {
            let _ = awaited.send(());
        }
    }

    /// The client's socket towards the server. Binds one if there is none.
    async fn upstream(&mut self, client: SocketAddr) -> Arc<UdpSocket> {
        if let Some(upstream) = self.upstream.get(&client) {
            return Arc::clone(&upstream.socket);
        }
        let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        socket.connect(self.server).await.unwrap();
        let reader = spawn(read(Arc::clone(&socket), client, self.answered.clone()));
        self.upstream.insert(client, Upstream { socket: Arc::clone(&socket), reader });
        socket
    }

    fn change_ports(&mut self) {
        for (_, upstream) in self.upstream.drain() {
            upstream.reader.abort();
        }
    }
}

async fn read(
    socket: Arc<UdpSocket>,
    client: SocketAddr,
    answered: UnboundedSender<(SocketAddr, Vec<u8>)>,
) {
    let mut buffer = vec![0; 65_536];
    // The task is aborted with the relay or with the port.
    loop {
        if let Ok(length) = socket.recv(&mut buffer).await {
            let _ = answered.send((client, buffer[..length].to_vec()));
        }
    }
}
