//! Reading a request: whole, bounded in bytes and in time, into memory of our own.
//!
//! What comes is taken from the transport as soon as it is there, in whatever order: what waits there keeps
//! the whole datagram that it came in, and a peer could make a few bytes hold much, by leaving out the
//! first.

use std::pin::pin;
use std::time::Duration;

use qchat_proto::limits::{REQUEST_BYTES_MAX, SIGNED_OUT_REQUEST_BYTES_MAX};
use qchat_proto::{Request, frame};
use quinn::{ReadError, RecvStream};
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

use crate::network::AuthState;

/// How long a request may take to arrive: 8 s, and longer only while at least 512 bytes a second of it
/// come.
const TIME_MAX: Duration = Duration::from_secs(8);
const TIME_PER_BYTE: Duration = Duration::from_nanos(1_000_000_000 / 512);

/// And however fast it comes.
const TIME_MAX_IN_ALL: Duration = Duration::from_secs(60);

/// How many pieces of a request may come out of turn: several times as many as it has packets. The transport
/// remembers each gap.
const OUT_OF_TURN_MAX: usize = 256;

/// The bytes before a frame's content that tell its length.
const LENGTH_BYTES: usize = 4;

/// A request of no more bytes, with its length, needs no room. Those are all that people write by hand.
const SHORT_BYTES: usize = LENGTH_BYTES + SIGNED_OUT_REQUEST_BYTES_MAX;

/// Why there is no request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    /// What came is none.
    #[error("what came is no request: {0}")]
    Garbage(#[from] frame::DecodeError),
    /// It is too long for anybody.
    #[error("what came is no request: it is too long")]
    TooLong,
    /// It may be one, but is too long for a stranger.
    #[error("a request that is too long for a stranger")]
    TooLongSignedOut,
    /// Nobody sends a request in so many pieces.
    #[error("what came is no request: it is in too many pieces")]
    Scattered,
    /// It did not come in time.
    #[error("the request did not come in time")]
    TooSlow,
    /// The peer took it back, or is gone.
    #[error("the request was given up by its sender")]
    Gone,
}

/// Reads a request to the end of its stream. What is longer than a stranger's needs `room` first, which is
/// returned with it.
///
/// # Cancel safety
/// Not cancel safe: what was read is lost.
pub(crate) async fn read<R>(
    stream: &mut RecvStream,
    auth_state: AuthState,
    room: impl Future<Output = Result<R, RequestError>>,
) -> Result<(Request, Option<R>), RequestError> {
    let mut arriving = Arriving::of(auth_state);
    let (mut begun, mut room, mut taken) = (Instant::now(), pin!(room), None);
    loop {
        let due = begun + arriving.time_max();
        let chunk = match timeout_at(due, stream.read_chunk(REQUEST_BYTES_MAX, false)).await {
            Ok(Ok(Some(chunk))) => chunk,
            Ok(Ok(None)) => return Ok((arriving.request()?, taken)),
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => return Err(RequestError::TooSlow),
        };
        let first = usize::try_from(chunk.offset).unwrap_or(usize::MAX);
        let end = first.saturating_add(chunk.bytes.len());
        if taken.is_none() && auth_state == AuthState::SignedIn && end > SHORT_BYTES {
            let asked = Instant::now();
            taken = Some(room.as_mut().await?);
            // What has to wait is not slow.
            begun += asked.elapsed();
        }
        arriving.take(first, &chunk.bytes)?;
    }
}

impl From<ReadError> for RequestError {
    fn from(_: ReadError) -> Self {
        Self::Gone
    }
}

/// What has come of a frame. Each byte comes once, and may come before others that precede it.
struct Arriving {
    /// With the length. A request may hold a password, so it is wiped.
    bytes: Zeroizing<Vec<u8>>,
    came: usize,
    /// The end of the piece that came last, and how many did not begin at such an end.
    end: usize,
    out_of_turn: usize,
    /// How many bytes of the length have come.
    of_length: usize,
    limit: usize,
}

impl Arriving {
    fn of(auth_state: AuthState) -> Self {
        let limit = match auth_state {
            AuthState::SignedOut => SIGNED_OUT_REQUEST_BYTES_MAX,
            AuthState::SignedIn => REQUEST_BYTES_MAX,
        };
        // Allocated once for nearly all, so that no copy stays behind.
        let bytes = Zeroizing::new(Vec::with_capacity(256));
        Self { bytes, came: 0, end: 0, out_of_turn: 0, of_length: 0, limit }
    }

    fn time_max(&self) -> Duration {
        let came = u32::try_from(self.came).unwrap_or(u32::MAX);
        TIME_MAX.saturating_add(TIME_PER_BYTE.saturating_mul(came)).min(TIME_MAX_IN_ALL)
    }

    fn take(&mut self, first: usize, bytes: &[u8]) -> Result<(), RequestError> {
        let end = first.saturating_add(bytes.len());
        self.came = self.came.saturating_add(bytes.len());
        self.out_of_turn += usize::from(first != self.end);
        self.end = end;
        if self.out_of_turn > OUT_OF_TURN_MAX {
            return Err(RequestError::Scattered);
        }
        self.of_length += (first..end.min(LENGTH_BYTES)).len();
        if end > self.limit.saturating_add(LENGTH_BYTES) {
            self.keep(first.min(LENGTH_BYTES), bytes.get(..LENGTH_BYTES.saturating_sub(first)));
            return Err(self.too_long());
        }
        self.keep(first, Some(bytes));
        match self.announced() {
            Some(announced) if announced > self.limit => Err(self.too_long()),
            _ => Ok(()),
        }
    }

    fn keep(&mut self, first: usize, bytes: Option<&[u8]>) {
        let Some(bytes) = bytes else { return };
        let end = first.saturating_add(bytes.len());
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        if let Some(place) = self.bytes.get_mut(first..end) {
            place.copy_from_slice(bytes);
        }
    }

    /// The length that was announced, once that is known.
    fn announced(&self) -> Option<usize> {
        let length = self.bytes.first_chunk().filter(|_| self.of_length == LENGTH_BYTES)?;
        Some(usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX))
    }

    fn too_long(&self) -> RequestError {
        match self.announced() {
            Some(length) if length > self.limit && length <= REQUEST_BYTES_MAX => {
                RequestError::TooLongSignedOut
            }
            _ => RequestError::TooLong,
        }
    }

    /// The request, after the stream's end.
    fn request(&self) -> Result<Request, RequestError> {
        let announced = self.announced().ok_or(frame::DecodeError::Malformed)?;
        let content = self.bytes.get(LENGTH_BYTES..).unwrap_or_default();
        match content.len().checked_sub(announced) {
            Some(0) => Ok(frame::decode(content)?),
            Some(beyond) => Err(frame::DecodeError::TrailingBytes(beyond).into()),
            None => Err(frame::DecodeError::Malformed.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use qchat_proto::command::{Login, Users};
    use qchat_proto::limits::{NAME_BYTES_MAX, PASSWORD_BYTES_MAX};

    use super::*;

    fn arrive(
        auth_state: AuthState,
        pieces: &[(usize, &[u8])],
    ) -> Result<&'static str, RequestError> {
        let mut arriving = Arriving::of(auth_state);
        for &(offset, piece) in pieces {
            arriving.take(offset, piece)?;
        }
        arriving.request().map(|request| match request {
            Request::Users(_) => "users",
            Request::Login(_) => "login",
            _ => "another",
        })
    }

    #[test]
    fn a_request_is_whole_in_whatever_order_it_comes() {
        let frame = frame::encode_frame(&Request::from(Users { after: None }));
        let mut pieces: Vec<(usize, &[u8])> = frame.chunks(1).enumerate().collect();
        for auth_state in [AuthState::SignedOut, AuthState::SignedIn] {
            assert_eq!(arrive(auth_state, &pieces).unwrap(), "users");
        }
        pieces.reverse();
        assert_eq!(arrive(AuthState::SignedOut, &pieces).unwrap(), "users");
        pieces.swap(0, 3);
        assert_eq!(arrive(AuthState::SignedOut, &pieces).unwrap(), "users");
        pieces.pop();
        assert!(matches!(arrive(AuthState::SignedOut, &pieces), Err(RequestError::Garbage(_))));
    }

    #[test]
    fn a_request_that_comes_in_crumbs_is_none() {
        let every_other = |count: usize| -> Vec<(usize, &[u8])> {
            (0..count).map(|number| (4 + 2 * number, &b"x"[..])).collect()
        };
        for auth_state in [AuthState::SignedOut, AuthState::SignedIn] {
            let most = arrive(auth_state, &every_other(OUT_OF_TURN_MAX));
            assert!(matches!(most, Err(RequestError::Garbage(_))), "{most:?}");
            let more = arrive(auth_state, &every_other(OUT_OF_TURN_MAX + 1));
            assert!(matches!(more, Err(RequestError::Scattered)), "{more:?}");
        }
    }

    #[test]
    fn the_longest_request_of_a_stranger_is_taken() {
        let user = "a".repeat(NAME_BYTES_MAX).parse().unwrap();
        let password = "x".repeat(PASSWORD_BYTES_MAX).try_into().unwrap();
        let frame = frame::encode_frame(&Request::from(Login { user, password }));
        assert!(2 * frame.len() < SIGNED_OUT_REQUEST_BYTES_MAX);
        assert_eq!(arrive(AuthState::SignedOut, &[(0, &frame)]).unwrap(), "login");
    }

    #[test]
    fn what_is_too_long_is_known_by_its_length_or_by_its_bytes() {
        let (short, long) = (SIGNED_OUT_REQUEST_BYTES_MAX, REQUEST_BYTES_MAX);
        let length = |length: usize| u32::try_from(length).unwrap().to_be_bytes();
        let check = |auth_state, pieces: &[(usize, &[u8])], for_stranger: bool| match arrive(
            auth_state, pieces,
        ) {
            Err(RequestError::TooLong) => assert!(!for_stranger),
            Err(RequestError::TooLongSignedOut) => assert!(for_stranger),
            other => panic!("{other:?}"),
        };
        check(AuthState::SignedOut, &[(0, &length(short + 1))], true);
        check(AuthState::SignedOut, &[(0, &length(long))], true);
        check(AuthState::SignedOut, &[(0, &length(long + 1))], false);
        check(AuthState::SignedIn, &[(0, &length(long + 1))], false);
        check(AuthState::SignedOut, &[(short + 4, b"x")], false);
        check(AuthState::SignedIn, &[(0, &length(9)[..]), (4, &vec![0; long + 1][..])], false);
        let whole = [&length(long)[..], &vec![0; long]].concat();
        check(AuthState::SignedOut, &[(0, &whole)], true);
        check(AuthState::SignedOut, &[(usize::MAX, b"x")], false);
    }

    #[test]
    fn what_comes_slowly_is_not_waited_for() {
        let mut arriving = Arriving::of(AuthState::SignedIn);
        assert_eq!(arriving.time_max(), TIME_MAX);
        arriving.take(0, &[0; 4]).unwrap();
        // A byte a second.
        arriving.take(4, &[0; 5]).unwrap();
        assert!(arriving.time_max() < Duration::from_secs(9));
        // The longest message at 600 bytes a second takes half a minute.
        arriving.take(9, &[0; 16 * 1024]).unwrap();
        assert!(arriving.time_max() > Duration::from_secs(16 * 1024 / 600));
        arriving.take(9 + 16 * 1024, &[0; 48_000]).unwrap();
        assert_eq!(arriving.time_max(), TIME_MAX_IN_ALL);
    }
}
