//! The memory that hostile bytes cost. It follows the bytes that arrive, never an announced length.

use allocation_counter::measure;
use proptest::prelude::*;
use qchat_proto::command::*;
use qchat_proto::limits::{ANSWER_BYTES_MAX, REQUEST_BYTES_MAX};
use qchat_proto::{Command, Refusal, Request, frame};

use crate::hostile::{Pieces, run};

/// The most bytes that reading and decoding one request may allocate.
const REQUEST_COST_MAX: u64 = 256 * 1024;

/// The most bytes that reading and decoding one answer may allocate.
const ANSWER_COST_MAX: u64 = 1024 * 1024;

/// The most bytes that a frame may allocate of which nearly nothing arrives.
const ANNOUNCEMENT_COST_MAX: u64 = 8 * 1024;

type Answer<C> = Result<<C as Command>::Reply, Refusal>;

/// The peak of memory while one frame is read.
fn cost<T: serde::de::DeserializeOwned>(pieces: Vec<Vec<u8>>, limit: usize) -> u64 {
    let mut stream = Pieces(pieces.into());
    // The runtime is made outside of the measured code.
    run(async {
        let mut read = Box::pin(frame::read::<T>(&mut stream, limit));
        let mut answer = None;
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let used = measure(|| answer = Some(read.as_mut().poll(&mut context)));
        assert!(answer.is_some_and(|answer| answer.is_ready()), "the stream is always ready");
        used.bytes_max
    })
}

/// A frame of `head` and as many `item`s as fit below `limit`, in one piece.
fn stuffed(head: &[u8], item: &[u8], limit: usize) -> Vec<Vec<u8>> {
    let mut content = head.to_vec();
    while content.len() + item.len() <= limit {
        content.extend(item);
    }
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    vec![[&length[..], &content].concat()]
}

/// The largest length that a varint can have.
const ENDLESS: &[u8] = &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
/// A length that exceeds the bound of every list.
const MANY: &[u8] = &[0xff, 0xff, 0x03];

#[test]
fn a_request_costs_a_bounded_multiple_of_its_bytes() {
    let check = |what: &str, head: &[&[u8]], item: &[u8]| {
        let used =
            cost::<Request>(stuffed(&head.concat(), item, REQUEST_BYTES_MAX), REQUEST_BYTES_MAX);
        assert!(used <= REQUEST_COST_MAX, "{what}: {used} bytes");
    };
    let id = &[7; 16][..];
    let length = &[0xd0, 0xff, 0x03][..]; // 65,488
    check("a text over its bound", &[&[5], id, b"\0\x01a", length], b"x");
    check("a text of wide characters", &[&[5], id, b"\0\x01a", length], "\u{1f980}".as_bytes());
    check("a text of an endless length", &[&[5], id, b"\0\x01a", ENDLESS], b"x");
    check("a password over its bound", &[&[0], id, b"\x01a", length], b"x");
    check("a name over its bound", &[&[11], MANY], b"x");
    check("a file's name to be shortened", &[&[8], id, b"\0\x01a", length], b"\x1b");
    check("a path of too many folders", &[&[8], id, b"\0\x01a", length], b"a/");
    check(
        "a path of long folders",
        &[&[8], id, b"\0\x01a", length],
        &[&[b'x'; 299][..], b"/"].concat(),
    );
    check("ranges over their bound", &[&[7], b"\0", MANY], b"\x01\x01");
    check("ranges without end", &[&[7], b"\0", ENDLESS], b"\x01\x01");
    let file = &[b"\0", &b"\0\x01x"[..]].concat();
    check("blocks over their bound", &[&[9], b"\0", file, MANY], b"\x01\x01");
    check("no such command", &[&[0x7f]], b"\xff");
}

#[test]
fn an_answer_costs_a_bounded_multiple_of_its_bytes() {
    fn check<C: Command>(what: &str, head: &[&[u8]], item: &[u8]) {
        let pieces = stuffed(&head.concat(), item, ANSWER_BYTES_MAX);
        let used = cost::<Answer<C>>(pieces, ANSWER_BYTES_MAX);
        assert!(used <= ANSWER_COST_MAX, "{what}: {used} bytes");
    }
    // Address, sequence, from, at, a text of one byte, read: the shortest possible message.
    let message = b"\0\x01a\x01\x01a\x01\0\x01x\0";
    let file =
        b"\0\x01a\x01\x01a\x01\x01\x0f1763833207123_x\x01x\x0100000000000000000000000000000000\0";
    check::<History>("messages over their bound", &[b"\0", MANY], message);
    check::<History>("messages without end", &[b"\0", ENDLESS], message);
    check::<History>("files over their bound", &[b"\0", MANY], file);
    let path = [
        &b"\0\x01a\x01\x01a\x01\x01\x0f1763833207123_x\x03x/x\x01"[..],
        b"00000000000000000000000000000000\0",
    ];
    check::<History>("files in folders over their bound", &[b"\0", MANY], &path.concat());
    check::<Users>("users over their bound", &[b"\0", MANY], b"\x01a\x01");
    check::<Groups>("groups over their bound", &[b"\0", MANY], b"\x01a\x01\x01");
    check::<Members>("members over their bound", &[b"\0", MANY], b"\x01a\x01\x01");
    check::<Sessions>(
        "sessions over their bound",
        &[b"\0", MANY],
        b"\x1d\x1d\x1d\x1d\x1d\x1d\x01\x01\0\0",
    );
    check::<Users>("candidates over their bound", &[b"\x01\x0b", MANY], b"\x0f1763833207123_x");
    let values: &[&[u8]] = &[b"\0\x0f1763833207123_x\x01x\x01", &[7; 32], MANY];
    let path = &path.concat()[8..];
    check::<FilesBelow>("listed files over their bound", &[b"\0", MANY], &path[..path.len() - 1]);
    check::<FileBlocks>("values over their bound", values, &[7; 32]);
    check::<SendText>("a text of an endless length", &[b"\0\0\x01a\x01\x01a\x01\0", ENDLESS], b"x");
    check::<SendText>("a text over its bound", &[b"\0\0\x01a\x01\x01a\x01\0\xf0\xff\x13"], b"x");
}

proptest! {
    #[test]
    fn an_announced_length_costs_nothing(
        announced: u32, present in 0..64_usize, unlimited: bool,
    ) {
        let mut bytes = announced.to_be_bytes().to_vec();
        bytes.extend(vec![1; present]);
        let limit = if unlimited { usize::MAX } else { REQUEST_BYTES_MAX };
        let used = cost::<Request>(vec![bytes], limit);
        prop_assert!(used <= ANNOUNCEMENT_COST_MAX, "{used} bytes for {announced} announced");
    }

    #[test]
    fn pieces_cost_what_they_hold(size in 1..3_000_usize, pieces in 0..60_usize) {
        let mut stream = vec![u32::MAX.to_be_bytes().to_vec()];
        stream.extend(vec![vec![1; size]; pieces]);
        let present = u64::try_from(size * pieces).unwrap();
        let used = cost::<Request>(stream, usize::MAX);
        // A growing buffer is moved to one of twice its size.
        prop_assert!(used <= ANNOUNCEMENT_COST_MAX + 4 * present, "{used} bytes for {present}");
    }

    #[test]
    fn random_requests_stay_below_the_bound(seed in proptest::collection::vec(any::<u8>(), 1..200)) {
        let used = cost::<Request>(stuffed(&[], &seed, REQUEST_BYTES_MAX), REQUEST_BYTES_MAX);
        prop_assert!(used <= REQUEST_COST_MAX, "{used} bytes");
    }
}
