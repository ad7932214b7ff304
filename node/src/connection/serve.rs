//! One connection: its limits, its deadlines, a task for each of its streams, and its end.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use qchat_proto::quic_codes;
use qchat_transfer::{ConnectionWindows, SilenceChecks, until_silent};
use quinn::{Connection, Incoming, RecvStream, SendStream, VarInt};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::auth::Session;
use crate::connection::context::{CommandContext, PendingStreams};
use crate::connection::dispatch::pair_file_stream;
use crate::connection::violations::Violations;
use crate::limits::TokenBucket;
use crate::network::{AuthState, ConnectionSlot, Handshake, ServerFull, ValidatedPath, endpoint};
use crate::state::ServerState;
use crate::store::RowsRead;

/// How long a handshake may take: a round trip through a full queue before a slow link, which takes ten seconds
/// in each direction. A client that is given up begins again, and makes the queue longer.
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(20);

/// For how long quinn keeps the state of a failed handshake: three times the probe timeout of a path that was
/// not measured.
const FAILED_HANDSHAKE_LINGERS_FOR: Duration = Duration::from_millis(4_500);

/// For how long quinn keeps the state of a closed connection on the slowest path.
const LINGERS_MAX: Duration = Duration::from_secs(60);

/// How long a connection lasts while nobody is signed in on it: so many round trips, within these bounds.
const SIGN_IN_ROUND_TRIPS: u32 = 8;
const SIGN_IN_TIME: Duration = Duration::from_secs(10);
const SIGN_IN_TIME_MAX: Duration = Duration::from_secs(30);

/// How long commands that came before the sign-in deadline may take after it: a password that is being checked
/// may be the right one.
const LAST_COMMANDS_TIME_MAX: Duration = Duration::from_secs(10);

/// Serves a connection from its first packet until the peer or the server closes it.
pub(crate) async fn serve(state: Arc<ServerState>, incoming: Incoming, handshake: Handshake) {
    let from = incoming.remote_address();
    let Ok((path, connecting)) = ValidatedPath::accept(incoming) else { return };
    let Ok(Ok(connection)) = timeout(HANDSHAKE_TIME_MAX, connecting).await else {
        return state.linger(FAILED_HANDSHAKE_LINGERS_FOR, handshake).await;
    };
    path.set_validated(from);
    let peer = connection.remote_address();
    let slot = match handshake.complete() {
        Ok(slot) => slot,
        Err(ServerFull) => {
            return close(&connection, quic_codes::FULL, b"there are too many connections");
        }
    };
    tracing::debug!(%peer, "connected");
    let mut task = ConnectionTask::new(Arc::clone(&state), connection.clone(), slot);
    let (reason, slot) = tokio::select! {
        ended = async { let cause = task.accept().await; task.close(cause).await } => ended,
        never = path.follow(&connection) => never,
    };
    tracing::debug!(%peer, reason, "disconnected");
    let lingers_for = drained_in(&connection);
    drop(connection);
    state.linger(lingers_for, slot).await;
}

/// How long quinn keeps a closed connection at most: three times the probe timeout (RFC 9000, section 10.2).
/// With the initial estimate that the round trip varies by half, the probe timeout is three round trips and the
/// delay of an acknowledgement.
fn drained_in(connection: &Connection) -> Duration {
    let probe_timeout = connection.rtt().saturating_mul(3) + Duration::from_millis(25);
    probe_timeout.saturating_mul(3).min(LINGERS_MAX)
}

fn sign_in_time(connection: &Connection) -> Duration {
    let round_trips = connection.rtt().saturating_mul(SIGN_IN_ROUND_TRIPS);
    round_trips.clamp(SIGN_IN_TIME, SIGN_IN_TIME_MAX)
}

impl ServerState {
    /// Keeps a slot for as long as quinn keeps the connection's state in memory. Otherwise connections that come
    /// and go would use memory that nothing counts.
    async fn linger<T>(&self, time: Duration, slot: T) {
        let _ = timeout(time, self.stopping.cancelled()).await;
        drop(slot);
    }
}

/// The task of a connection, which starts a task for each stream.
struct ConnectionTask {
    state: Arc<ServerState>,
    connection: Connection,
    slot: ConnectionSlot,
    session: Arc<Session>,
    auth_state: watch::Receiver<AuthState>,
    /// The time at which the connection ends unless somebody has signed in.
    sign_in_deadline: Option<Instant>,
    /// Cancelled at the deadline: requests that are not complete by then are not answered.
    too_late: CancellationToken,
    violations: Arc<Violations>,
    pending_streams: Arc<PendingStreams>,
    windows: Arc<ConnectionWindows>,
    bucket: Arc<TokenBucket>,
    tasks: JoinSet<()>,
}

/// The cause of a connection's end.
enum EndCause {
    Lost(String),
    Silent,
    ServerStops,
    NobodySignedIn,
    Misbehaved,
}

impl ConnectionTask {
    fn new(state: Arc<ServerState>, connection: Connection, slot: ConnectionSlot) -> Self {
        let session = Arc::<Session>::default();
        let windows = ConnectionWindows::new(connection.clone(), state.window_budget.clone());
        let bucket = Arc::new(state.rate_limits.connection());
        let sign_in_time = sign_in_time(&connection);
        Self {
            state,
            connection,
            slot,
            auth_state: session.watch_auth_state(),
            session,
            sign_in_deadline: Some(Instant::now() + sign_in_time),
            too_late: CancellationToken::new(),
            violations: Arc::default(),
            pending_streams: Arc::default(),
            windows,
            bucket,
            tasks: JoinSet::new(),
        }
    }

    /// Accepts streams until the connection ends or has to end, and returns the cause.
    async fn accept(&mut self) -> EndCause {
        let (connection, violations) = (self.connection.clone(), Arc::clone(&self.violations));
        let mut silence = pin!(until_silent(&connection, SilenceChecks::Few));
        loop {
            // Every branch is cancel safe: a stream that is not accepted now is accepted next time.
            tokio::select! {
                () = &mut silence => return EndCause::Silent,
                stream = connection.accept_bi() => match stream {
                    Ok(stream) => self.start_command(stream),
                    Err(error) => return EndCause::Lost(error.to_string()),
                },
                stream = connection.accept_uni() => match stream {
                    Ok(stream) => self.start_file(stream),
                    Err(error) => return EndCause::Lost(error.to_string()),
                },
                Some(ended) = self.tasks.join_next() => report_panic(ended),
                Ok(()) = self.auth_state.changed() => self.apply_auth_state(),
                () = until(self.sign_in_deadline) => match self.finish_commands().await {
                    AuthState::SignedOut => return EndCause::NobodySignedIn,
                    AuthState::SignedIn => self.apply_auth_state(),
                },
                () = violations.too_many() => return EndCause::Misbehaved,
                () = self.state.stopping.cancelled() => return EndCause::ServerStops,
            }
        }
    }

    /// Raises or lowers the limits of the connection. A signed-in connection has higher limits and no deadline.
    fn apply_auth_state(&mut self) {
        let auth_state = *self.auth_state.borrow_and_update();
        self.slot.count_as(auth_state);
        self.sign_in_deadline = match auth_state {
            AuthState::SignedOut => {
                endpoint::lower_limits(&self.connection, &self.windows);
                // Beyond the limit of signed-out connections, one that signs out ends at once: it takes no slot
                // from new connections.
                let is_within_limits = self.slot.is_within_limits();
                let time =
                    if is_within_limits { sign_in_time(&self.connection) } else { Duration::ZERO };
                Some(Instant::now() + time)
            }
            AuthState::SignedIn => {
                endpoint::raise_limits(&self.connection, &self.windows);
                None
            }
        };
    }

    /// Finishes the commands that came before the deadline, and returns whether one of them has signed in.
    async fn finish_commands(&mut self) -> AuthState {
        std::mem::take(&mut self.too_late).cancel();
        let commands = async {
            while let Some(ended) = self.tasks.join_next().await {
                report_panic(ended);
            }
        };
        // A peer that does not read its answer is not waited for.
        let _ = timeout(LAST_COMMANDS_TIME_MAX, commands).await;
        self.session.auth_state()
    }

    fn start_command(&mut self, (reply_stream, request): (SendStream, RecvStream)) {
        let context = CommandContext {
            state: Arc::clone(&self.state),
            connection: self.connection.clone(),
            network: self.slot.network(),
            session: Arc::clone(&self.session),
            pending_streams: Arc::clone(&self.pending_streams),
            windows: Arc::clone(&self.windows),
            violations: Arc::clone(&self.violations),
            bucket: Arc::clone(&self.bucket),
            reply_stream,
            long_request_slot: None,
            account: None,
            rows_read: RowsRead::default(),
        };
        self.tasks.spawn(context.run_stream(request, self.too_late.clone()));
    }

    fn start_file(&mut self, stream: RecvStream) {
        let pending = Arc::clone(&self.pending_streams);
        let violations = Arc::clone(&self.violations);
        let bucket = Arc::clone(&self.bucket);
        self.tasks.spawn(pair_file_stream(stream, pending, violations, bucket));
    }

    /// Closes the connection in order, and returns the reason and the slot. If the peer did nothing wrong, the
    /// accepted streams are finished before: a change that was begun gets its answer, a file its message.
    async fn close(mut self, cause: EndCause) -> (String, ConnectionSlot) {
        let reason = match cause {
            EndCause::Lost(reason) => reason,
            EndCause::Silent => {
                let reason = "nothing comes from the client any more";
                close(&self.connection, quic_codes::TOO_SLOW, reason.as_bytes());
                reason.to_owned()
            }
            EndCause::ServerStops => "the server stops".to_owned(),
            EndCause::NobodySignedIn => {
                let reason = "nobody has signed in";
                close(&self.connection, quic_codes::NOBODY_SIGNED_IN, reason.as_bytes());
                reason.to_owned()
            }
            EndCause::Misbehaved => {
                let peer = self.connection.remote_address();
                tracing::warn!(%peer, "too much came that is no request: closing the connection");
                close(&self.connection, quic_codes::MISBEHAVED, b"too much of this is no request");
                "the peer misbehaved".to_owned()
            }
        };
        while let Some(ended) = self.tasks.join_next().await {
            report_panic(ended);
        }
        self.session.sign_out();
        close(&self.connection, quic_codes::SHUTTING_DOWN, b"the server is shutting down");
        (reason, self.slot)
    }
}

/// Closes a connection that is not closed yet.
fn close(connection: &Connection, code: u32, reason: &[u8]) {
    connection.close(VarInt::from_u32(code), reason);
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

fn report_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a stream's task panicked");
    }
}
