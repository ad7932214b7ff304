use proptest::prelude::*;

use super::*;
use crate::corpus;

/// Hostile names: texts, and bytes that are not UTF-8.
fn hostile_names() -> Vec<Vec<u8>> {
    corpus::read(include_str!("../../../../tests/corpus/names.txt"))
}

#[test]
fn the_corpus_has_its_names() {
    let names = hostile_names();
    assert!(names.len() >= 300, "{}", names.len());
    let mut different = names.clone();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), names.len(), "a name stands there twice");
}

#[test]
fn a_hostile_name_becomes_a_safe_one() {
    for text in hostile_names() {
        name(&text);
        name(&[b"photos/", text.as_slice()].concat());
        name(&[text.as_slice(), b"/a.jpg"].concat());
        // Bytes that are not UTF-8 are refused as a postcard string.
        if std::str::from_utf8(&text).is_err() {
            let length = u8::try_from(text.len()).unwrap();
            let bytes = [&[length][..], &text].concat();
            assert!(frame::decode::<FileName>(&bytes).is_err(), "{text:?}");
            assert!(frame::decode::<FilePath>(&bytes).is_err(), "{text:?}");
            assert!(frame::decode::<FolderPath>(&bytes).is_err(), "{text:?}");
            assert!(frame::decode::<StoredName>(&bytes).is_err(), "{text:?}");
        }
    }
}

#[test]
fn the_corpus_of_the_fuzzer_becomes_safe_names() {
    let inputs = corpus::read(include_str!("../../../../fuzz/corpus/names.txt"));
    assert!(inputs.len() > 20);
    inputs.iter().for_each(|input| name(input));
}

proptest! {
    #[test]
    fn any_text_becomes_a_safe_name_once_and_for_all(
        text in "\\PC{0,300}|.{0,300}|[./\\\\ -]{0,20}|(con|NUL|com1|.){0,3}[.: \u{200b}]{0,3}"
    ) {
        name(text.as_bytes());
    }

    #[test]
    fn pieces_of_hostile_names_make_no_other_names(
        first in any::<prop::sample::Index>(), second in any::<prop::sample::Index>()
    ) {
        let names = hostile_names();
        let [first, second]: [&Vec<u8>; 2] = [first.get(&names), second.get(&names)];
        name(&[first.as_slice(), second].concat());
    }

    #[test]
    fn hostile_names_of_folders_lead_down_or_are_one_name(
        parts in prop::collection::vec(any::<prop::sample::Index>(), 1..40),
        slash in "/{1,2}|\\\\",
    ) {
        let names = hostile_names();
        let parts: Vec<&[u8]> =
            parts.iter().map(|part| part.get::<Vec<u8>>(&names).as_slice()).collect();
        name(&parts.join(slash.as_bytes()));
    }

    #[test]
    fn any_bytes_are_a_safe_path_or_none(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(path) = frame::decode::<FilePath>(&bytes) {
            check_path(&path.to_string());
        }
        if let Ok(path) = frame::decode::<FolderPath>(&bytes) {
            check_folders(&path);
        }
    }
}
