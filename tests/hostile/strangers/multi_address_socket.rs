//! The socket of a client that sends each datagram from a chosen address, as an attacker with forged source
//! addresses can.

use std::collections::VecDeque;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, Endpoint, EndpointConfig, Runtime, TokioRuntime, UdpPoller};

/// The number of ports. Each has one of many addresses of this machine.
const PORTS: usize = 40;

/// The number of hosts in each loopback network.
const HOSTS: usize = 200;

/// The address whose datagrams the client reads.
pub(super) const HOME: usize = 0;

/// Chooses the source address of the datagram with this number.
pub(super) type AddressChoice = Box<dyn FnMut(usize) -> usize + Send>;

/// All ports of a client.
pub(super) struct MultiAddressSocket {
    sockets: Vec<Arc<dyn AsyncUdpSocket>>,
    migration: Mutex<Migration>,
}

/// The bytes sent from and received at an address.
#[derive(Default, Clone, Copy)]
pub(super) struct Bytes {
    pub(super) sent: usize,
    pub(super) came: usize,
}

#[derive(Default)]
struct Migration {
    address_choice: Option<AddressChoice>,
    datagrams: usize,
    /// Indexed by the number of the address.
    bytes: Vec<Bytes>,
    /// The datagrams at the home address that are not read yet.
    at_home: VecDeque<(RecvMeta, Vec<u8>)>,
}

impl Migration {
    fn at(&mut self, address: usize) -> &mut Bytes {
        if self.bytes.len() <= address {
            self.bytes.resize(address + 1, Bytes::default());
        }
        &mut self.bytes[address]
    }
}

impl std::fmt::Debug for MultiAddressSocket {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("MultiAddressSocket").finish_non_exhaustive()
    }
}

impl MultiAddressSocket {
    /// The socket, and an endpoint that uses it.
    pub(super) fn endpoint() -> (Arc<Self>, Endpoint) {
        let socket = |_| {
            let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
            TokioRuntime.wrap_udp_socket(socket).unwrap()
        };
        let sockets = (0..PORTS).map(socket).collect();
        let multi_address_socket = Arc::new(Self { sockets, migration: Mutex::default() });
        let (socket, runtime) = (Arc::clone(&multi_address_socket), Arc::new(TokioRuntime));
        let configuration = EndpointConfig::default();
        let endpoint = Endpoint::new_with_abstract_socket(configuration, None, socket, runtime);
        (multi_address_socket, endpoint.unwrap())
    }

    /// From now on `address_choice` chooses the source address of each datagram.
    pub(super) fn migrate(&self, address_choice: AddressChoice) {
        let mut migration = self.migration.lock().unwrap();
        (migration.address_choice, migration.datagrams) = (Some(address_choice), 0);
    }

    /// From now on all datagrams are sent from home.
    pub(super) fn return_home(&self) {
        self.migration.lock().unwrap().address_choice = None;
    }

    /// The number of datagrams since the last `migrate`.
    pub(super) fn datagrams(&self) -> usize {
        self.migration.lock().unwrap().datagrams
    }

    /// The bytes at each address except home, in the order of the addresses.
    pub(super) fn bytes_at_other_addresses(&self) -> Vec<Bytes> {
        self.migration.lock().unwrap().bytes.iter().skip(HOME + 1).copied().collect()
    }

    /// Reads all datagrams that have arrived.
    fn take(&self, context: &mut Context<'_>) -> io::Result<()> {
        let mut buffer = vec![0; 65_536];
        for (port, socket) in self.sockets.iter().enumerate() {
            let mut meta = [RecvMeta::default()];
            while let Poll::Ready(received) =
                socket.poll_recv(context, &mut [IoSliceMut::new(&mut buffer)], &mut meta)
            {
                received?;
                let [meta] = meta;
                let address = number_of(port, meta.dst_ip.unwrap());
                let mut migration = self.migration.lock().unwrap();
                migration.at(address).came += meta.len;
                if address == HOME {
                    migration.at_home.push_back((meta, buffer[..meta.len].to_vec()));
                }
            }
        }
        Ok(())
    }
}

fn host_of(address: usize) -> IpAddr {
    let host = address / PORTS;
    let octet = |number: usize| u8::try_from(number).unwrap();
    Ipv4Addr::new(127, 1, octet(host / HOSTS), octet(host % HOSTS + 1)).into()
}

fn number_of(port: usize, host: IpAddr) -> usize {
    let IpAddr::V4(host) = host else { panic!("not an address of ours: {host}") };
    let [_, _, hundreds, rest] = host.octets().map(usize::from);
    (hundreds * HOSTS + rest - 1) * PORTS + port
}

impl AsyncUdpSocket for MultiAddressSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Arc::clone(&self.sockets[0]).create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let mut migration = self.migration.lock().unwrap();
        let number = migration.datagrams;
        let address =
            migration.address_choice.as_mut().map_or(HOME, |address_choice| address_choice(number));
        self.sockets[address % PORTS].try_send(&Transmit {
            destination: transmit.destination,
            ecn: transmit.ecn,
            contents: transmit.contents,
            segment_size: transmit.segment_size,
            src_ip: Some(host_of(address)),
        })?;
        migration.datagrams += 1;
        migration.at(address).sent += transmit.contents.len();
        Ok(())
    }

    fn poll_recv(
        &self,
        context: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        self.take(context)?;
        let mut migration = self.migration.lock().unwrap();
        let mut count = 0;
        for (buffer, place) in buffers.iter_mut().zip(metas) {
            let Some((meta, bytes)) = migration.at_home.pop_front() else { break };
            buffer[..bytes.len()].copy_from_slice(&bytes);
            *place = meta;
            count += 1;
        }
        ready!(if count > 0 { Poll::Ready(()) } else { Poll::Pending });
        Poll::Ready(Ok(count))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.sockets[HOME].local_addr()
    }

    fn max_receive_segments(&self) -> usize {
        self.sockets[HOME].max_receive_segments()
    }
}
