//! A network path to a server that can be cut in one direction.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// How often the path's threads look whether they are still wanted.
const LOOK: Duration = Duration::from_millis(100);

/// Forwards the datagrams of one client to a server, and the answers back.
pub(crate) struct Path {
    pub(crate) address: SocketAddr,
    answers_are_lost: Arc<AtomicBool>,
    wanted: Arc<AtomicBool>,
}

impl Path {
    pub(crate) fn to(server: SocketAddr) -> Self {
        let near = socket();
        let far = socket();
        far.connect(server).unwrap();
        let path = Self {
            address: near.local_addr().unwrap(),
            answers_are_lost: Arc::new(AtomicBool::new(false)),
            wanted: Arc::new(AtomicBool::new(true)),
        };
        let client = Arc::new(Mutex::new(None));
        let (near_back, far_back) = (near.try_clone().unwrap(), far.try_clone().unwrap());
        let (client_back, lost) = (Arc::clone(&client), Arc::clone(&path.answers_are_lost));
        path.forward(near, move |datagram, from| {
            *client.lock().unwrap() = Some(from);
            // Refused while no server is there.
            let _ = far.send(datagram);
        });
        path.forward(far_back, move |datagram, _| {
            if let Some(client) = *client_back.lock().unwrap()
                && !lost.load(Ordering::SeqCst)
            {
                let _ = near_back.send_to(datagram, client);
            }
        });
        path
    }

    /// From now on nothing that the server says arrives.
    pub(crate) fn lose_answers(&self) {
        self.answers_are_lost.store(true, Ordering::SeqCst);
    }

    /// Mends the path.
    pub(crate) fn mend(&self) {
        self.answers_are_lost.store(false, Ordering::SeqCst);
    }

    fn forward(&self, from: UdpSocket, mut pass: impl FnMut(&[u8], SocketAddr) + Send + 'static) {
        let wanted = Arc::clone(&self.wanted);
        thread::spawn(move || {
            let mut datagram = vec![0; 65_536];
            while wanted.load(Ordering::SeqCst) {
                if let Ok((length, sender)) = from.recv_from(&mut datagram) {
                    pass(&datagram[..length], sender);
                }
            }
        });
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        self.wanted.store(false, Ordering::SeqCst);
    }
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(LOOK)).unwrap();
    socket
}
