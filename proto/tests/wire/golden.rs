//! Every frame keeps its bytes, since shipped clients and servers read no others.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use qchat_proto::command::{Logout, Request};
use qchat_proto::frame;

use crate::samples::{self, Sample};
use crate::variants;

/// The lines of `golden.txt`: name and bytes.
pub(crate) fn golden() -> BTreeMap<&'static str, Vec<u8>> {
    let lines = include_str!("golden.txt").lines();
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut golden = BTreeMap::new();
    for line in lines {
        let (name, hex) = line.split_once(" = ").expect("a line is NAME = HEX");
        let bytes = HEXLOWER.decode(hex.as_bytes()).expect("lower-case hexadecimal digits");
        assert!(golden.insert(name, bytes).is_none(), "{name} stands there twice");
    }
    golden
}

fn line(sample: &Sample) -> String {
    format!("{} = {}", sample.name, HEXLOWER.encode(&sample.bytes))
}

#[test]
fn everything_is_encoded_as_its_golden_bytes() {
    let golden = golden();
    let differing: Vec<_> = samples::all()
        .iter()
        .filter(|sample| golden.get(sample.name.as_str()) != Some(&sample.bytes))
        .map(line)
        .collect();
    // Add the line of a new sample. Never change a line: shipped programs do not understand other bytes.
    assert!(differing.is_empty(), "not in golden.txt:\n{}", differing.join("\n"));
}

#[test]
fn golden_bytes_are_decoded_to_their_values() {
    let mut golden = golden();
    for sample in samples::all() {
        let bytes = golden.remove(sample.name.as_str()).unwrap_or_default();
        assert!((sample.is)(&bytes), "{} is decoded to another value", sample.name);
    }
    assert!(golden.is_empty(), "no sample has this name: {:?}", golden.keys());
}

#[test]
fn every_variant_has_its_tag_and_its_golden_line() {
    let golden = golden();
    for (group, variants) in [
        ("request", Request::NAMES),
        ("refusal", variants::REFUSALS),
        ("address", variants::ADDRESSES),
        ("body", variants::BODIES),
        ("log", variants::LOGS),
        ("selection", variants::SELECTIONS),
        ("event", variants::EVENTS),
        ("opening.Upload", variants::OPENINGS),
        ("header", variants::BLOCK_HEADERS),
    ] {
        for (tag, variant) in variants.iter().enumerate() {
            let name = format!("{group}.{variant}");
            let first = golden.get(name.as_str()).and_then(|bytes| bytes.first());
            assert_eq!(first.map(|&byte| usize::from(byte)), Some(tag), "{name}");
        }
    }
}

#[test]
fn a_reply_begins_with_0_and_a_refusal_with_1() {
    for (name, bytes) in golden() {
        let expected = match name.rsplit_once('.') {
            Some((_, "Ok")) => 0,
            Some((_, "Err")) => 1,
            _ => continue,
        };
        assert_eq!(bytes.first(), Some(&expected), "{name}");
    }
}

#[test]
fn a_frame_is_a_big_endian_length_and_its_content() {
    assert_eq!(frame::encode_frame(&Request::from(Logout)), b"\0\0\0\x01\x03");
    let long = "x".repeat(258);
    assert_eq!(frame::encode_frame(&long)[..6], *b"\0\0\x01\x04\x82\x02");
}
