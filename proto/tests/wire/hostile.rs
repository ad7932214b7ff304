//! Bytes of any kind are decoded or refused, and never cause a panic.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use qchat_proto::frame::{self, DecodeError};
use qchat_proto::limits::REQUEST_BYTES_MAX;
use qchat_proto::{Request, command};
use tokio::io::{AsyncRead, ReadBuf};

use crate::{generated, samples};

/// A stream that yields its bytes in the given pieces, whatever length is asked for.
pub(crate) struct Pieces(pub(crate) VecDeque<Vec<u8>>);

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while let Some(mut piece) = self.0.pop_front() {
            let rest = piece.split_off(piece.len().min(buffer.remaining()));
            if !rest.is_empty() {
                self.0.push_front(rest);
            }
            if !piece.is_empty() {
                buffer.put_slice(&piece);
                break;
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// Runs a future that reads only from [`Pieces`], and so never waits.
pub(crate) fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Changes a valid frame: replaces or removes a byte, cuts the frame, or inserts a byte.
fn damage(bytes: &mut Vec<u8>, place: Index, byte: u8, kind: u8) {
    let place = place.index(bytes.len() + 1);
    match kind {
        0 if place < bytes.len() => bytes[place] = byte,
        1 if place < bytes.len() => drop(bytes.remove(place)),
        2 => bytes.truncate(place),
        _ => bytes.insert(place, byte),
    }
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in vec(any::<u8>(), 0..600)) {
        for sample in samples::all() {
            let _ = (sample.decode)(&bytes);
        }
    }

    #[test]
    fn damaged_frames_are_decoded_or_refused(
        changes in vec((any::<Index>(), any::<u8>(), 0..4_u8), 1..6),
    ) {
        for sample in samples::all() {
            let mut bytes = sample.bytes;
            for &(place, byte, kind) in &changes {
                damage(&mut bytes, place, byte, kind);
            }
            let _ = (sample.decode)(&bytes);
        }
    }

    #[test]
    fn a_request_cut_anywhere_is_refused(request in generated::request(), cut in any::<Index>()) {
        let bytes = frame::encode(&request);
        let cut = &bytes[..cut.index(bytes.len())];
        prop_assert_eq!(frame::decode::<Request>(cut), Err(DecodeError::Malformed));
    }

    #[test]
    fn a_request_with_a_tail_is_refused(
        request in generated::request(), tail in vec(any::<u8>(), 1..20),
    ) {
        let mut bytes = frame::encode(&request);
        bytes.extend(&tail);
        prop_assert_eq!(
            frame::decode::<Request>(&bytes),
            Err(DecodeError::TrailingBytes(tail.len()))
        );
    }

    #[test]
    fn a_frame_is_read_from_any_pieces(pieces in vec(vec(any::<u8>(), 0..40), 0..20)) {
        let mut stream = Pieces(pieces.into());
        let _ = run(frame::read::<Request>(&mut stream, REQUEST_BYTES_MAX));
    }

    #[test]
    fn a_request_arrives_in_whatever_pieces(
        request in generated::request(), size in 1..70_000_usize,
    ) {
        let bytes = frame::encode_frame(&request);
        let mut stream = Pieces(bytes.chunks(size).map(Vec::from).collect());
        let read = run(frame::read::<Request>(&mut stream, REQUEST_BYTES_MAX));
        prop_assert_eq!(read.unwrap(), request);
    }
}

#[test]
fn names_are_checked_while_they_are_decoded() {
    let forged = |name: &str| {
        let mut bytes =
            frame::encode(&Request::from(command::Join { group: "x".parse().unwrap() }));
        bytes.truncate(1);
        bytes.push(name.len().try_into().unwrap());
        bytes.extend(name.as_bytes());
        frame::decode::<Request>(&bytes)
    };
    assert!(forged("lab").is_ok());
    for name in ["", "../x", "a b", ".a", "a\u{1b}[2J", &"a".repeat(33)] {
        assert_eq!(forged(name), Err(DecodeError::Malformed), "{name:?}");
    }
}
