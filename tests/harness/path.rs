//! A network path to a server: a router that forwards datagrams, and can be as bad as networks are.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc as answers;
use std::thread;

use tokio::net::UdpSocket;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{JoinHandle, spawn};
use tokio::time::{Instant, sleep_until};

use super::Dice;
use super::weather::{Sky, Tally, Weather};

/// Forwards the datagrams of clients to a server, and the answers back. As a router that translates
/// addresses does, it gives each client a port of its own towards the server.
pub(crate) struct Path {
    pub(crate) address: SocketAddr,
    orders: UnboundedSender<Order>,
}

/// Something for the router to do between two datagrams.
type Order = Box<dyn FnOnce(&mut Router) + Send>;

impl Path {
    /// A path on which nothing happens by itself.
    pub(crate) fn to(server: SocketAddr) -> Self {
        Self::in_weather(server, Weather::CLEAR, Dice::new(0))
    }

    /// A path in this weather.
    pub(crate) fn in_weather(server: SocketAddr, weather: Weather, dice: Dice) -> Self {
        let (orders, received) = unbounded_channel();
        let (told, address) = answers::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async move {
                let router = Router::new(server, Sky::new(weather, dice)).await;
                told.send(router.near.local_addr().unwrap()).unwrap();
                router.run(received).await;
            });
        });
        Self { address: address.recv().unwrap(), orders }
    }

    /// From now on nothing that the server says arrives.
    pub(crate) fn lose_answers(&self) {
        self.order(|router| router.answers_are_lost = true);
    }

    /// From now on nothing arrives in either direction.
    pub(crate) fn cut(&self) {
        self.order(|router| (router.is_cut, router.answers_are_lost) = (true, true));
    }

    /// Mends the path.
    pub(crate) fn mend(&self) {
        self.order(|router| (router.is_cut, router.answers_are_lost) = (false, false));
    }

    /// From now on the clients come from other ports, and nothing arrives through the old ones: what
    /// the server sees when a client has changed its network, or a router forgot it.
    pub(crate) fn change_ports(&self) {
        self.order(Router::change_ports);
    }

    /// How many bytes have arrived, in both directions.
    pub(crate) fn carried(&self) -> u64 {
        self.order(|router| router.carried)
    }

    /// Waits until so many bytes have arrived.
    #[track_caller]
    pub(crate) fn wait_until_carried(&self, bytes: u64) {
        let (reached, awaited) = answers::channel();
        self.order(move |router| router.awaited = Some((bytes, reached)));
        awaited.recv_timeout(super::DEADLINE).expect("the bytes are carried in time");
    }

    /// From now on the weather is this, and its tally begins anew.
    pub(crate) fn change_weather(&self, weather: Weather) {
        self.order(|router| router.sky = Sky::new(weather, Dice::new(0)));
    }

    /// What the weather did so far.
    pub(crate) fn tally(&self) -> Tally {
        self.order(|router| router.sky.tally())
    }

    /// Has something done, and waits until it is.
    fn order<T: Send + 'static>(&self, order: impl FnOnce(&mut Router) -> T + Send + 'static) -> T {
        let (done, answer) = answers::channel();
        let order: Order = Box::new(move |router| done.send(order(router)).unwrap());
        assert!(self.orders.send(order).is_ok(), "the path is gone");
        answer.recv().unwrap()
    }
}

struct Router {
    server: SocketAddr,
    near: UdpSocket,
    far: HashMap<SocketAddr, Far>,
    /// What the far sockets receive, and for which client.
    answers: UnboundedReceiver<(SocketAddr, Vec<u8>)>,
    answered: UnboundedSender<(SocketAddr, Vec<u8>)>,
    answers_are_lost: bool,
    is_cut: bool,
    carried: u64,
    /// Who waits until so many bytes are carried.
    awaited: Option<(u64, answers::Sender<()>)>,
    sky: Sky,
    /// When the path will be done with what it has, in each direction.
    free: [Instant; 2],
    under_way: BinaryHeap<Reverse<Datagram>>,
}

/// A client's socket towards the server.
struct Far {
    socket: Arc<UdpSocket>,
    reader: JoinHandle<()>,
}

/// A datagram that arrives later. The earliest comes first.
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
    async fn new(server: SocketAddr, sky: Sky) -> Self {
        let (answered, answers) = unbounded_channel();
        Self {
            server,
            near: UdpSocket::bind("127.0.0.1:0").await.unwrap(),
            far: HashMap::new(),
            answers,
            answered,
            answers_are_lost: false,
            is_cut: false,
            carried: 0,
            awaited: None,
            sky,
            free: [Instant::now(); 2],
            under_way: BinaryHeap::new(),
        }
    }

    /// Forwards until nobody can give orders any more.
    async fn run(mut self, mut orders: UnboundedReceiver<Order>) {
        let mut buffer = vec![0; 65_536];
        loop {
            let due = self.under_way.peek().map(|Reverse(datagram)| datagram.due);
            let next = due.map_or(self.sky.change(), |due| due.min(self.sky.change()));
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => order(&mut self),
                    None => return,
                },
                // Refused only for an answer to a client that is gone.
                received = self.near.recv_from(&mut buffer) => if let Ok((length, client)) = received {
                    self.take(client, Direction::ToServer, buffer[..length].to_vec()).await;
                },
                Some((client, answer)) = self.answers.recv() => {
                    self.take(client, Direction::ToClient, answer).await;
                }
                () = sleep_until(next) => self.attend().await,
            }
        }
    }

    /// Takes a datagram, and lets the weather decide when it arrives, and how often.
    async fn take(&mut self, client: SocketAddr, direction: Direction, bytes: Vec<u8>) {
        let lost = match direction {
            Direction::ToServer => self.is_cut,
            Direction::ToClient => self.answers_are_lost,
        };
        self.sky.count(bytes.len(), direction == Direction::ToServer);
        if lost {
            return;
        }
        for delay in self.sky.delays() {
            let (now, bytes) = (Instant::now(), bytes.clone());
            let [to_server, to_client] = &mut self.free;
            let free = match direction {
                Direction::ToServer => to_server,
                Direction::ToClient => to_client,
            };
            let Some(done) = self.sky.queue(*free, bytes.len()) else { continue };
            *free = done;
            let due = *free + delay;
            let datagram = Datagram { due, client, direction, bytes };
            match due <= now {
                true => self.deliver(datagram).await,
                false => self.under_way.push(Reverse(datagram)),
            }
        }
    }

    /// Does what is due.
    async fn attend(&mut self) {
        if self.sky.ports_change() {
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
        // Refused while no server, or no client, is there.
        let sent = match direction {
            Direction::ToServer => self.far(client).await.send(&bytes).await,
            Direction::ToClient => self.near.send_to(&bytes, client).await,
        };
        self.carried += sent.map_or(0, |sent| u64::try_from(sent).unwrap());
        if let Some((_, awaited)) = self.awaited.take_if(|(bytes, _)| self.carried >= *bytes) {
            let _ = awaited.send(());
        }
    }

    /// The client's socket towards the server, made now if there is none.
    async fn far(&mut self, client: SocketAddr) -> Arc<UdpSocket> {
        if let Some(far) = self.far.get(&client) {
            return Arc::clone(&far.socket);
        }
        let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        socket.connect(self.server).await.unwrap();
        let reader = spawn(read(Arc::clone(&socket), client, self.answered.clone()));
        self.far.insert(client, Far { socket: Arc::clone(&socket), reader });
        socket
    }

    fn change_ports(&mut self) {
        for (_, far) in self.far.drain() {
            far.reader.abort();
        }
    }
}

async fn read(
    socket: Arc<UdpSocket>,
    client: SocketAddr,
    answered: UnboundedSender<(SocketAddr, Vec<u8>)>,
) {
    let mut buffer = vec![0; 65_536];
    // Ends with the path, or with the port.
    loop {
        if let Ok(length) = socket.recv(&mut buffer).await {
            let _ = answered.send((client, buffer[..length].to_vec()));
        }
    }
}
