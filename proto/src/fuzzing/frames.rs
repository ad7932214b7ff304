//! Decoding of frames of every type.

use std::fmt::Debug;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, ReadBuf};

use crate::command::{BlockHashes, Command, CommandVisitor, Event, UploadOpening, visit_commands};
use crate::file_stream::{BlockHeader, FileHeader};
use crate::frame::{self, ReadError};
use crate::limits::{ANSWER_BYTES_MAX, FILE_HEADER_BYTES_MAX, REQUEST_BYTES_MAX};
use crate::{Receipt, Refusal, Request};

/// Decodes bytes as one type, and checks the result.
type Check = fn(&[u8]);

/// The checks of the frames that are not the last answer to a command.
const OTHERS: [Check; 6] = [
    check::<FileHeader, FILE_HEADER_BYTES_MAX>,
    check::<BlockHeader, FILE_HEADER_BYTES_MAX>,
    answer::<Event>,
    answer::<Receipt>,
    answer::<UploadOpening>,
    answer::<BlockHashes>,
];

/// Reads a stream as client or server. The first byte chooses the expected type. Half of the values choose a
/// request, since strangers send requests.
///
/// # Panics
/// If a decoded value is encoded and decoded to another value.
pub fn frame(input: &[u8]) {
    let Some((&kind, stream)) = input.split_first() else { return };
    match OTHERS.iter().chain(&answers()).cycle().nth(usize::from(kind)).filter(|_| kind < 128) {
        Some(check) => check(stream),
        None => check::<Request, REQUEST_BYTES_MAX>(stream),
    }
}

/// The checks of the answers to all commands.
fn answers() -> Vec<Check> {
    struct Checks(Vec<Check>);
    impl CommandVisitor for Checks {
        fn visit<C: Command>(&mut self) {
            self.0.push(answer::<C::Reply>);
        }
    }
    let mut checks = Checks(Vec::new());
    visit_commands(&mut checks);
    checks.0
}

/// Checks an answer: a reply or a refusal.
fn answer<T: Serialize + DeserializeOwned + PartialEq + Debug>(stream: &[u8]) {
    if let Some(Err(refusal)) = decoded::<Result<T, Refusal>, ANSWER_BYTES_MAX>(stream) {
        assert!(!refusal.to_string().is_empty());
    }
}

fn check<T: Serialize + DeserializeOwned + PartialEq + Debug, const LIMIT: usize>(stream: &[u8]) {
    let _ = decoded::<T, LIMIT>(stream);
}

/// The value of the first frame. Encoding and decoding it again must give the same value.
fn decoded<T, const LIMIT: usize>(stream: &[u8]) -> Option<T>
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    let value: T = read(stream, LIMIT).ok()?;
    let again = frame::encode_frame(&value);
    assert_eq!(read::<T>(&again, usize::MAX).ok().as_ref(), Some(&value));
    // Every value can be logged.
    drop(format!("{value:?}"));
    Some(value)
}

fn read<T: DeserializeOwned>(stream: &[u8], limit: usize) -> Result<T, ReadError> {
    let mut stream = Chunks(stream);
    let reading = pin!(frame::read(&mut stream, limit));
    match reading.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(read) => read,
        Poll::Pending => panic!("the stream is always ready"),
    }
}

/// A stream that arrives in chunks. The first byte of a chunk determines its length.
struct Chunks<'a>(&'a [u8]);

impl AsyncRead for Chunks<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let length = self.0.first().map_or(0, |&first| 1 + usize::from(first) * 8);
        let (chunk, rest) = self.0.split_at(length.min(self.0.len()).min(buffer.remaining()));
        buffer.put_slice(chunk);
        self.0 = rest;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests;
