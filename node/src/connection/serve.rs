//! One connection: a session, and a task for each of its streams.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use qchat_proto::quic_codes;
use qchat_transfer::{ConnectionWindows, until_silent};
use quinn::{Connection, Incoming, RecvStream, SendStream, VarInt};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::auth::Session;
use crate::connection::dispatch::{Arrivals, CommandContext, deliver};
use crate::connection::violations::Violations;
use crate::limits::TokenBucket;
use crate::network::AuthState;
use crate::network::ValidatedPath;
use crate::network::endpoint;
use crate::network::{ConnectionSlot, Handshake, ServerFull};
use crate::state::ServerState;
use crate::store::RowsRead;

/// How long a handshake may take: there and back through the queue before a thin link, which is ten seconds
/// long in each direction. A client that is given up begins again, and makes the queue longer.
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(20);

/// For how long quinn keeps what it has of a handshake that failed: three times the probe timeout of a path
/// that was not measured.
const FAILED_LINGERS_FOR: Duration = Duration::from_millis(4_500);

/// And of a connection on the slowest of paths.
const LINGERS_MAX: Duration = Duration::from_secs(60);

/// How long a connection lasts while nobody signs in on it, or again after somebody has signed out: so many
/// round trips, but no less and no more than this.
const SIGN_IN_ROUND_TRIPS: u32 = 8;
const SIGN_IN_TIME: Duration = Duration::from_secs(10);
const SIGN_IN_TIME_MAX: Duration = Duration::from_secs(30);

/// How long a stranger's commands that have come in time may take after that: a password that is being
/// checked may be the right one.
const LAST_ANSWERS_TIME_MAX: Duration = Duration::from_secs(10);

/// Serves a connection from its first packet until it is closed, by the peer or by us.
pub(crate) async fn serve(state: Arc<ServerState>, incoming: Incoming, handshake: Handshake) {
    let from = incoming.remote_address();
    let Ok((proof, connecting)) = ValidatedPath::accept(incoming) else { return };
    let Ok(Ok(connection)) = timeout(HANDSHAKE_TIME_MAX, connecting).await else {
        return state.linger(FAILED_LINGERS_FOR, handshake).await;
    };
    proof.set(from);
    let peer = connection.remote_address();
    let place = match handshake.done() {
        Ok(place) => place,
        Err(ServerFull) => {
            return close(&connection, quic_codes::FULL, b"there are too many connections");
        }
    };
    tracing::debug!(%peer, "connected");
    let mut streams = Streams::new(Arc::clone(&state), connection.clone(), place);
    let (reason, place) = tokio::select! {
        ended = async { let end = streams.accept().await; streams.close(end).await } => ended,
        never = proof.follow(&connection) => never,
    };
    tracing::debug!(%peer, reason, "disconnected");
    let lingers_for = drained_in(&connection);
    drop(connection);
    state.linger(lingers_for, place).await;
}

/// How long quinn keeps a connection at the most after it was closed: three times the probe timeout (RFC 9000,
/// section 10.2). Where the round trip varies by half, as it is taken to in the beginning, that is
/// three round trips and what an acknowledgement may wait.
fn drained_in(connection: &Connection) -> Duration {
    let probe_timeout = connection.rtt().saturating_mul(3) + Duration::from_millis(25);
    probe_timeout.saturating_mul(3).min(LINGERS_MAX)
}

fn sign_in_time(connection: &Connection) -> Duration {
    let round_trips = connection.rtt().saturating_mul(SIGN_IN_ROUND_TRIPS);
    round_trips.clamp(SIGN_IN_TIME, SIGN_IN_TIME_MAX)
}

impl ServerState {
    /// Keeps a place for as long as there is still something in memory of who had it: else those who come and
    /// go would count for nothing.
    async fn linger<T>(&self, time: Duration, place: T) {
        let _ = timeout(time, self.stopping.cancelled()).await;
        drop(place);
    }
}

struct Streams {
    state: Arc<ServerState>,
    connection: Connection,
    place: ConnectionSlot,
    session: Arc<Session>,
    auth_state: watch::Receiver<AuthState>,
    /// When a connection on which nobody is signed in ends.
    stranger_until: Option<Instant>,
    /// Whatever has not come by then comes too late.
    too_late: CancellationToken,
    violations: Arc<Violations>,
    arrivals: Arc<Arrivals>,
    windows: Arc<ConnectionWindows>,
    bucket: Arc<TokenBucket>,
    tasks: JoinSet<()>,
}

/// Why a connection ends.
enum End {
    Lost(String),
    Silent,
    Stopping,
    NobodySignedIn,
    Misbehaved,
}

impl Streams {
    fn new(state: Arc<ServerState>, connection: Connection, place: ConnectionSlot) -> Self {
        let session = Arc::<Session>::default();
        let windows = ConnectionWindows::new(connection.clone(), state.window_budget.clone());
        let bucket = Arc::new(state.rate_limits.connection());
        let sign_in_time = sign_in_time(&connection);
        Self {
            state,
            connection,
            place,
            auth_state: session.auth_state(),
            session,
            stranger_until: Some(Instant::now() + sign_in_time),
            too_late: CancellationToken::new(),
            violations: Arc::default(),
            arrivals: Arc::default(),
            windows,
            bucket,
            tasks: JoinSet::new(),
        }
    }

    /// Accepts streams until the connection ends or is to end, and says why.
    async fn accept(&mut self) -> End {
        let (connection, violations) = (self.connection.clone(), Arc::clone(&self.violations));
        let mut silence = pin!(until_silent(&connection));
        loop {
            // Every arm is cancel safe: a stream that was not taken now is taken next time.
            tokio::select! {
                () = &mut silence => return End::Silent,
                stream = connection.accept_bi() => match stream {
                    Ok(stream) => self.start_command(stream),
                    Err(error) => return End::Lost(error.to_string()),
                },
                stream = connection.accept_uni() => match stream {
                    Ok(stream) => self.start_file(stream),
                    Err(error) => return End::Lost(error.to_string()),
                },
                Some(ended) = self.tasks.join_next() => report_panic(ended),
                Ok(()) = self.auth_state.changed() => self.note_standing(),
                () = until(self.stranger_until) => match self.last_answers().await {
                    AuthState::SignedOut => return End::NobodySignedIn,
                    AuthState::SignedIn => self.note_standing(),
                },
                () = violations.is_too_much() => return End::Misbehaved,
                () = self.state.stopping.cancelled() => return End::Stopping,
            }
        }
    }

    /// Who is signed in may do more, for longer.
    fn note_standing(&mut self) {
        let auth_state = *self.auth_state.borrow_and_update();
        self.place.stands(auth_state);
        self.stranger_until = match auth_state {
            AuthState::SignedOut => {
                endpoint::distrust(&self.connection, &self.windows);
                // Who signs out takes no place from others who come.
                let has_room = self.place.is_within_caps();
                let time = if has_room { sign_in_time(&self.connection) } else { Duration::ZERO };
                Some(Instant::now() + time)
            }
            AuthState::SignedIn => {
                endpoint::trust(&self.connection, &self.windows);
                None
            }
        };
    }

    /// Lets what has come of a stranger be answered, and says whether somebody has signed in by it.
    async fn last_answers(&mut self) -> AuthState {
        std::mem::take(&mut self.too_late).cancel();
        let answers = async {
            while let Some(ended) = self.tasks.join_next().await {
                report_panic(ended);
            }
        };
        // A peer that does not take its answer is none to wait for.
        let _ = timeout(LAST_ANSWERS_TIME_MAX, answers).await;
        self.session.stands()
    }

    fn start_command(&mut self, (answer, request): (SendStream, RecvStream)) {
        let context = CommandContext {
            state: Arc::clone(&self.state),
            connection: self.connection.clone(),
            network: self.place.network(),
            session: Arc::clone(&self.session),
            arrivals: Arc::clone(&self.arrivals),
            windows: Arc::clone(&self.windows),
            violations: Arc::clone(&self.violations),
            bucket: Arc::clone(&self.bucket),
            answer,
            room: None,
            account: None,
            rows_read: RowsRead::default(),
        };
        self.tasks.spawn(context.serve(request, self.too_late.clone()));
    }

    fn start_file(&mut self, stream: RecvStream) {
        let (arrivals, violations) = (Arc::clone(&self.arrivals), Arc::clone(&self.violations));
        let bucket = Arc::clone(&self.bucket);
        self.tasks.spawn(deliver(stream, arrivals, violations, bucket));
    }

    /// Closes the connection in order, and says why, and which place is left. Where the peer did nothing wrong, what was accepted
    /// is finished before: a change that was begun gets its answer, a file its message.
    async fn close(mut self, end: End) -> (String, ConnectionSlot) {
        let reason = match end {
            End::Lost(reason) => reason,
            End::Silent => {
                let reason = "nothing comes from the client any more";
                close(&self.connection, quic_codes::TOO_SLOW, reason.as_bytes());
                reason.to_owned()
            }
            End::Stopping => "the server stops".to_owned(),
            End::NobodySignedIn => {
                let reason = "nobody has signed in";
                close(&self.connection, quic_codes::NOBODY_SIGNED_IN, reason.as_bytes());
                reason.to_owned()
            }
            End::Misbehaved => {
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
        (reason, self.place)
    }
}

/// Closes a connection, unless that was done before.
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
