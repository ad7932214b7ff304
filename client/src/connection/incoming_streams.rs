//! Accepts the streams of files from the server, and gives each to the download that waits for it.

use std::sync::Arc;
use std::time::Duration;

use qchat_proto::file_stream::FileHeader;
use qchat_proto::limits::FILE_HEADER_BYTES_MAX;
use qchat_proto::{frame, quic_codes};
use qchat_transfer::StreamPairing;
use quinn::{RecvStream, VarInt};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long a file's header may take.
const HEADER_MAX: Duration = Duration::from_secs(10);

/// Runs until the connection ends. The number of streams that the server may open bounds the headers
/// that are read at once.
pub(crate) async fn take_files(
    connection: quinn::Connection,
    pairing: Arc<StreamPairing<RecvStream>>,
) {
    let mut deliveries = JoinSet::new();
    loop {
        tokio::select! {
            stream = connection.accept_uni() => match stream {
                Ok(stream) => drop(deliveries.spawn(deliver(stream, Arc::clone(&pairing)))),
                Err(_) => return,
            },
            Some(_) = deliveries.join_next() => {}
        }
    }
}

async fn deliver(mut stream: RecvStream, pairing: Arc<StreamPairing<RecvStream>>) {
    let header = frame::read::<FileHeader>(&mut stream, FILE_HEADER_BYTES_MAX);
    let refused = match timeout(HEADER_MAX, header).await {
        Ok(Ok(header)) => match pairing.deliver(header.transfer, stream) {
            Ok(()) => return,
            Err(unexpected) => (unexpected, quic_codes::UNEXPECTED_STREAM),
        },
        Ok(Err(_)) => (stream, quic_codes::BAD_REQUEST),
        Err(_) => (stream, quic_codes::TOO_SLOW),
    };
    let (mut stream, code) = refused;
    tracing::debug!(code, "a stream of the server belongs to no download");
    let _ = stream.stop(VarInt::from_u32(code));
}
