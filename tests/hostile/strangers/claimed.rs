//! Packets of a connection with forged source addresses.

use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use qchat_proto::command::{Login, SignedIn};
use qchat_proto::limits::ANSWER_BYTES_MAX;
use qchat_proto::{Refusal, Request, frame};
use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, Endpoint, EndpointConfig, Runtime, TokioRuntime, UdpPoller};
use tokio::sync::Notify;

use crate::harness::{PASSWORD, RawConnection, Server, endpoint, in_time};

/// A socket that sends with the source address of another socket, as an attacker with forged addresses does.
/// The answers to such a datagram do not arrive here.
#[derive(Debug)]
struct SpoofingSocket {
    inner: Arc<dyn AsyncUdpSocket>,
    /// The socket whose address is used.
    name: Mutex<Option<UdpSocket>>,
    forged: Notify,
}

impl SpoofingSocket {
    fn endpoint() -> (Endpoint, Arc<Self>) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let inner = TokioRuntime.wrap_udp_socket(socket).unwrap();
        let forging = Arc::new(Self { inner, name: Mutex::default(), forged: Notify::new() });
        let (config, runtime) = (EndpointConfig::default(), Arc::new(TokioRuntime));
        let socket = Arc::clone(&forging);
        let endpoint = Endpoint::new_with_abstract_socket(config, None, socket, runtime);
        (endpoint.unwrap(), forging)
    }
}

impl AsyncUdpSocket for SpoofingSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Arc::clone(&self.inner).create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        match &*self.name.lock().unwrap() {
            None => self.inner.try_send(transmit),
            Some(name) => {
                name.send_to(transmit.contents, transmit.destination)?;
                self.forged.notify_one();
                Ok(())
            }
        }
    }

    fn poll_recv(
        &self,
        context: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        self.inner.poll_recv(context, buffers, metas)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }
}

fn login(user: &str, password: &str) -> Login {
    Login { user: user.parse().unwrap(), password: password.to_owned().try_into().unwrap() }
}

/// Signs in with a packet that has a forged source address.
async fn login_from(
    raw: &RawConnection,
    forging: &SpoofingSocket,
    address: &str,
) -> Result<SignedIn, Refusal> {
    *forging.name.lock().unwrap() = Some(UdpSocket::bind((address, 0)).unwrap());
    let (mut send, mut receive) = raw.stream().await;
    let request = Request::from(login("nobody", "wrong"));
    send.write_all(&frame::encode_frame(&request)).await.unwrap();
    send.finish().unwrap();
    in_time(forging.forged.notified()).await;
    *forging.name.lock().unwrap() = None;
    in_time(frame::read(&mut receive, ANSWER_BYTES_MAX)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_passwords_count_for_the_validated_address() {
    let server = Server::start();
    RawConnection::connect(&server).await.sign_up("alice").await;
    let (from, forging) = SpoofingSocket::endpoint();
    let mut last = Ok(());
    for _ in 0..8 {
        let raw = RawConnection::on(&from, &server).await.unwrap();
        last = login_from(&raw, &forging, "127.0.0.9").await.map(drop);
    }
    assert!(matches!(last, Err(Refusal::TooManyAttempts { .. })), "{last:?}");
    let victim = RawConnection::on(&endpoint("127.0.0.9"), &server).await.unwrap();
    assert!(victim.ask(login("alice", PASSWORD)).await.is_ok());
}
