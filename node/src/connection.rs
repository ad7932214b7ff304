//! One connection: a session, and a task for each of its streams.

use std::sync::Arc;
use std::time::Duration;

use qchat_proto::command::FileHeader;
use qchat_proto::limits::FILE_HEADER_BYTES_MAX;
use qchat_proto::{codes, frame};
use qchat_transfer::Flow;
use quinn::{Connection, Incoming, RecvStream, SendStream, VarInt};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::dispatch::{Arrivals, Call};
use crate::server::Node;
use crate::session::Session;

/// How long a handshake may take.
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(5);

/// How long the header of a file's stream may take.
const HEADER_TIME_MAX: Duration = Duration::from_secs(10);

/// Serves a connection from its first packet until it is closed, by the peer or because the server
/// stops.
pub(crate) async fn serve(node: Arc<Node>, incoming: Incoming) {
    let Ok(connecting) = incoming.accept() else { return };
    let Ok(Ok(connection)) = timeout(HANDSHAKE_TIME_MAX, connecting).await else { return };
    let peer = connection.remote_address();
    tracing::debug!(%peer, "connected");
    let mut streams = Streams::new(node, connection);
    let reason = streams.accept().await;
    // What was accepted is finished: a change that was begun gets its answer, a file its message.
    streams.finish().await;
    tracing::debug!(%peer, reason, "disconnected");
}

struct Streams {
    node: Arc<Node>,
    connection: Connection,
    session: Arc<Session>,
    arrivals: Arc<Arrivals>,
    flow: Arc<Flow>,
    tasks: JoinSet<()>,
}

impl Streams {
    fn new(node: Arc<Node>, connection: Connection) -> Self {
        let flow = Flow::new(connection.clone(), node.windows.clone());
        Self {
            node,
            connection,
            session: Arc::default(),
            arrivals: Arc::default(),
            flow,
            tasks: JoinSet::new(),
        }
    }

    /// Accepts streams until the connection ends, and says why it did.
    async fn accept(&mut self) -> String {
        let connection = self.connection.clone();
        loop {
            // Every arm is cancel safe: a stream that was not taken now is taken next time.
            tokio::select! {
                stream = connection.accept_bi() => match stream {
                    Ok(stream) => self.start_command(stream),
                    Err(error) => return error.to_string(),
                },
                stream = connection.accept_uni() => match stream {
                    Ok(stream) => self.start_file(stream),
                    Err(error) => return error.to_string(),
                },
                Some(ended) = self.tasks.join_next() => report_panic(ended),
                () = self.node.stopping.cancelled() => return "the server stops".to_owned(),
            }
        }
    }

    fn start_command(&mut self, (answer, request): (SendStream, RecvStream)) {
        let call = Call {
            node: Arc::clone(&self.node),
            connection: self.connection.clone(),
            session: Arc::clone(&self.session),
            arrivals: Arc::clone(&self.arrivals),
            flow: Arc::clone(&self.flow),
            answer,
        };
        self.tasks.spawn(call.serve(request));
    }

    fn start_file(&mut self, stream: RecvStream) {
        self.tasks.spawn(deliver(stream, Arc::clone(&self.arrivals)));
    }

    async fn finish(&mut self) {
        while let Some(ended) = self.tasks.join_next().await {
            report_panic(ended);
        }
        self.session.sign_out();
        self.connection
            .close(VarInt::from_u32(codes::SHUTTING_DOWN), b"the server is shutting down");
    }
}

/// Hands a file's stream to the command that waits for it.
async fn deliver(mut stream: RecvStream, arrivals: Arc<Arrivals>) {
    let header = frame::read::<FileHeader>(&mut stream, FILE_HEADER_BYTES_MAX);
    let unexpected = match timeout(HEADER_TIME_MAX, header).await {
        Ok(Ok(header)) => arrivals.deliver(header.transfer, stream).err(),
        _ => Some(stream),
    };
    if let Some(mut stream) = unexpected {
        // Fails only where the peer ended the stream before.
        let _ = stream.stop(VarInt::from_u32(codes::UNEXPECTED_STREAM));
    }
}

fn report_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a stream's task panicked");
    }
}
