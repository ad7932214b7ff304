//! A network between a server and its database that breaks at a chosen commit.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};

use super::local_server::LocalServer;
use crate::lock::lock;

/// The simple query `COMMIT`, without its length.
const COMMIT: &[u8] = b"COMMIT\0";

/// The answer to it.
const COMMITTED: &[u8] = b"COMMIT\0Z";

/// The way in which the connection breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Break {
    /// The database never gets the commit.
    BeforeCommit,
    /// The database commits, and its answer is lost.
    AfterCommit,
}

/// The break to come.
type Armed = Arc<Mutex<Option<Break>>>;

/// A proxy on a loopback port.
pub(super) struct Proxy {
    address: SocketAddr,
    armed: Armed,
}

impl Proxy {
    pub(super) async fn start(server: &LocalServer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (armed, socket) = (Armed::default(), server.folder.join(".s.PGSQL.5432"));
        let of_task = Arc::clone(&armed);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(forward(client, socket.clone(), Arc::clone(&of_task)));
            }
        });
        Self { address, armed }
    }

    pub(super) fn url(&self, database: &str) -> String {
        format!("postgres://postgres@{}/{database}", self.address)
    }

    /// Breaks the connection at the next commit, and later ones no more.
    pub(super) fn arm(&self, how: Break) {
        *lock(&self.armed) = Some(how);
    }

    /// Whether the connection was broken.
    pub(super) fn has_broken(&self) -> bool {
        lock(&self.armed).is_none()
    }
}

async fn forward(mut client: TcpStream, socket: PathBuf, armed: Armed) {
    let mut server = UnixStream::connect(socket).await.unwrap();
    let (mut asked, mut answered) = (vec![0; 65536], vec![0; 65536]);
    let mut is_swallowing = false;
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let Some(bytes) = bytes(&asked, read) else { return };
                if contains(bytes, COMMIT) {
                    match lock(&armed).take() {
                        None => {}
                        Some(Break::BeforeCommit) => return,
                        Some(Break::AfterCommit) => is_swallowing = true,
                    }
                }
                server.write_all(bytes).await.unwrap();
            }
            read = server.read(&mut answered) => {
                let Some(bytes) = bytes(&answered, read) else { return };
                match is_swallowing {
                    true if contains(bytes, COMMITTED) => return,
                    true => {}
                    false if client.write_all(bytes).await.is_err() => return,
                    false => {}
                }
            }
        }
    }
}

fn bytes(buffer: &[u8], read: std::io::Result<usize>) -> Option<&[u8]> {
    buffer.get(..read.ok()?).filter(|bytes| !bytes.is_empty())
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}
