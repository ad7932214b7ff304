//! Any text that comes as a file's name is one safe component of a path, once and for all; any that comes with
//! folders is a path that leads down.

use std::path::{Component, Path};

use proptest::prelude::*;
use qchat_proto::limits::{FILE_NAME_BYTES_MAX, FOLDER_PATH_BYTES_MAX, FOLDERS_MAX};
use qchat_proto::{FileName, FilePath, FolderPath, StoredName, Timestamp, frame};

use crate::corpus;

/// The names that mean harm: texts, and bytes that are none.
fn hostile_names() -> Vec<Vec<u8>> {
    corpus::read(include_str!("../../../tests/corpus/names.txt"))
}

/// What is forbidden in every place of a name, so that no system reads it as more than a name.
const FORBIDDEN: &str = "/\\:*?\"<>|";

#[track_caller]
fn check_is_safe(name: &str) {
    let components: Vec<_> = Path::new(name).components().collect();
    assert!(
        matches!(components.as_slice(), [Component::Normal(only)] if *only == name),
        "{name:?}"
    );
    assert!(!name.chars().any(|part| part.is_control() || FORBIDDEN.contains(part)), "{name:?}");
    assert!(!name.starts_with(['.', '-', ' ']), "{name:?}");
    assert!(!name.ends_with(['.', ' ']), "{name:?}");
    let stem = name.split('.').next().unwrap().trim().to_uppercase();
    let is_device = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"].contains(&stem.as_str());
    let port = stem.strip_prefix("COM").or(stem.strip_prefix("LPT")).unwrap_or("none");
    let is_port = port.chars().count() == 1 && "0123456789¹²³".contains(port);
    assert!(!is_device && !is_port, "{name:?}");
}

/// Checks the name that a text becomes, and those that are made of it.
#[track_caller]
fn check(text: &str) {
    let name = FileName::from(text);
    check_is_safe(name.as_str());
    assert!((1..=FILE_NAME_BYTES_MAX).contains(&name.as_str().len()), "{text:?}");
    assert_eq!(FileName::from(name.as_str()), name, "{text:?}");
    // A decoded name is no other one.
    assert_eq!(frame::decode::<FileName>(&frame::encode(&text)), Ok(name.clone()), "{text:?}");
    let copy = name.numbered(9_999);
    check_is_safe(&copy);
    assert!(copy.len() <= 255, "{text:?}");
    let stored = StoredName::new(Timestamp::from_milliseconds(u64::MAX), &name);
    check_is_safe(stored.as_str());
    assert!(stored.as_str().len() <= 255, "{text:?}");
    assert_eq!(stored.as_str().parse(), Ok(stored.clone()), "{text:?}");
    assert_eq!(frame::decode(&frame::encode(&stored)), Ok(stored), "{text:?}");
}

/// A stored name is that, or is refused: nobody mends it.
#[track_caller]
fn check_as_stored(text: &str) {
    if let Ok(stored) = text.parse::<StoredName>() {
        assert_eq!(stored.as_str(), text);
        check_is_safe(text);
    }
}

/// Checks the path that a text becomes, as a file's and as that of folders.
#[track_caller]
fn check_path(text: &str) {
    let path = FilePath::from(text);
    check_is_safe(path.name().as_str());
    path.folder().into_iter().for_each(check_folders);
    assert_eq!(FilePath::from(path.to_string()), path, "{text:?}");
    // What is no path is the name that it always was.
    if path.folder().is_none() {
        assert_eq!(*path.name(), FileName::from(text), "{text:?}");
    }
    assert_eq!(frame::decode::<FilePath>(&frame::encode(&text)), Ok(path.clone()), "{text:?}");
    assert_eq!(frame::decode(&frame::encode(&path)), Ok(path), "{text:?}");
    let folders = text.parse::<FolderPath>().ok();
    folders.iter().for_each(check_folders);
    assert_eq!(frame::decode::<FolderPath>(&frame::encode(&text)).ok(), folders, "{text:?}");
}

#[track_caller]
fn check_folders(path: &FolderPath) {
    path.names().for_each(check_is_safe);
    assert!((1..=FOLDERS_MAX).contains(&path.names().count()), "{path:?}");
    assert!((1..=FOLDER_PATH_BYTES_MAX).contains(&path.as_str().len()), "{path:?}");
    assert_eq!(path.as_str().parse(), Ok(path.clone()));
    assert_eq!(frame::decode(&frame::encode(path)), Ok(path.clone()));
    let mut built = None;
    for name in path.names() {
        built = FolderPath::below(built.as_ref(), &FileName::from(name)).ok();
    }
    assert_eq!(built.as_ref(), Some(path));
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
    for name in hostile_names() {
        match std::str::from_utf8(&name) {
            Ok(name) => {
                check(name);
                check_path(name);
                check_path(&format!("photos/{name}"));
                check_path(&format!("{name}/a.jpg"));
                check_as_stored(name);
                check_as_stored(&format!("1763833207123_{name}"));
            }
            // No text, and so no name: postcard's length and these bytes are refused.
            Err(_) => {
                let length = u8::try_from(name.len()).unwrap();
                let bytes = [&[length][..], &name].concat();
                assert!(frame::decode::<FileName>(&bytes).is_err(), "{name:?}");
                assert!(frame::decode::<FilePath>(&bytes).is_err(), "{name:?}");
                assert!(frame::decode::<FolderPath>(&bytes).is_err(), "{name:?}");
                assert!(frame::decode::<StoredName>(&bytes).is_err(), "{name:?}");
            }
        }
    }
}

proptest! {
    #[test]
    fn any_text_becomes_a_safe_name_once_and_for_all(
        text in "\\PC{0,300}|.{0,300}|[./\\\\ -]{0,20}|(con|NUL|com1|.){0,3}[.: \u{200b}]{0,3}"
    ) {
        check(&text);
        check_path(&text);
        check_as_stored(&text);
        check_as_stored(&format!("1763833207123_{text}"));
    }

    #[test]
    fn pieces_of_hostile_names_make_no_other_names(
        first in any::<prop::sample::Index>(), second in any::<prop::sample::Index>()
    ) {
        let names = hostile_names();
        let [first, second]: [&Vec<u8>; 2] = [first.get(&names), second.get(&names)];
        let joined = [first.as_slice(), second].concat();
        check(&String::from_utf8_lossy(&joined));
    }
    #[test]
    fn hostile_names_of_folders_lead_down_or_are_one_name(
        parts in prop::collection::vec(any::<prop::sample::Index>(), 1..40),
        slash in "/{1,2}|\\\\",
    ) {
        let names = hostile_names();
        let parts = parts.iter().map(|part| String::from_utf8_lossy(part.get::<Vec<u8>>(&names)));
        let parts: Vec<_> = parts.map(std::borrow::Cow::into_owned).collect();
        check_path(&parts.join(&slash));
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
