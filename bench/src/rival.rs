//! Competing traffic on a link: a connection that sends without end under CUBIC (RFC 9438).

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use bytes::Bytes;
use quinn::{Endpoint, RecvStream};
use tokio::task::JoinSet;

use crate::bare::{self, Bare};
use crate::relay::{Link, Relay};

/// The bytes of each write.
const PIECE: Bytes = Bytes::from_static(&[7; 64 * 1024]);

/// A bare connection over the link. Dropping this value closes it.
pub(crate) struct Rival {
    received: Arc<AtomicU64>,
    _tasks: JoinSet<anyhow::Result<()>>,
    _relay: Relay,
}

impl Rival {
    /// Starts to send.
    pub(crate) async fn start(link: &Link, folder: &Path) -> anyhow::Result<Self> {
        let certificate = folder.join("rival.pem");
        let endpoint = bare::serve(&certificate)?;
        let relay = Relay::over(link, endpoint.local_addr()?).await?;
        let received = Arc::default();
        let mut tasks = JoinSet::new();
        tasks.spawn(receive(endpoint, Arc::clone(&received)));
        let bare = Bare::under_cubic(relay.address, &certificate)?.await?;
        tasks.spawn(send(bare));
        Ok(Self { received, _tasks: tasks, _relay: relay })
    }

    /// The number of bytes that the server has received.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }
}

async fn send(bare: Bare) -> anyhow::Result<()> {
    let mut stream = bare.connection.open_uni().await?;
    loop {
        stream.write_chunk(PIECE).await?;
    }
}

async fn receive(endpoint: Endpoint, received: Arc<AtomicU64>) -> anyhow::Result<()> {
    let incoming = endpoint.accept().await.context("the socket failed")?;
    let connection = incoming.await?;
    let mut stream = connection.accept_uni().await?;
    while let Some(bytes) = next(&mut stream).await? {
        received.fetch_add(bytes, Ordering::Relaxed);
    }
    Ok(())
}

async fn next(stream: &mut RecvStream) -> anyhow::Result<Option<u64>> {
    let chunk = stream.read_chunk(usize::MAX, true).await?;
    Ok(chunk.map(|chunk| u64::try_from(chunk.bytes.len())).transpose()?)
}
