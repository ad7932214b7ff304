//! Sanitizing of names of files, and parsing of other names and ids. Any text becomes one safe path
//! component or a path that leads down, and every parser reads the text form of its own values.

use std::fmt::{Debug, Display};
use std::path::{Component, Path};
use std::str::FromStr;

use crate::command::FileQuery;
use crate::limits::{
    FILE_NAME_BYTES_MAX, FILE_NAME_IN_FOLDER_BYTES_MAX, FOLDER_PATH_BYTES_MAX, FOLDERS_MAX,
    NAME_BYTES_MAX,
};
use crate::{
    FileName, FilePath, Fingerprint, FolderPath, GroupName, MessageId, SessionId, SessionToken,
    StoredName, Timestamp, UserName, frame,
};

/// Parses bytes as a name or an id of every kind. Bytes that are not UTF-8 are not a name on the wire. For
/// the other checks a replacement character takes their place.
///
/// # Panics
/// If a name is not safe, or its text form is parsed to another value.
pub fn name(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    check(&text);
    check_path(&text);
    check_as_stored(&text);
    check_as_stored(&format!("1763833207123_{text}"));
    check_user(&text);
    check_round::<GroupName>(&text);
    check_round::<MessageId>(&text);
    check_round::<SessionId>(&text);
    check_round::<Fingerprint>(&text);
    if let Some(token) = SessionToken::from_hex(&text) {
        assert_eq!(SessionToken::from_hex(&token.to_hex()), Some(token));
    }
}

/// The characters that no name may contain, since some operating system gives them a meaning.
const FORBIDDEN: &str = "/\\:*?\"<>|";

/// Characters that are invisible or reorder text. The list is independent of the code that it checks.
fn disguises(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{2800}' | '\u{3164}' | '\u{e000}'..='\u{f8ff}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' | '\u{f0000}'..)
}

/// Checks a name inside a folder that was sent as a whole.
#[track_caller]
fn check_is_harmless(name: &str) {
    let components: Vec<_> = Path::new(name).components().collect();
    assert!(
        matches!(components.as_slice(), [Component::Normal(only)] if *only == name),
        "{name:?}"
    );
    assert!(!name.contains('/') && !name.chars().any(disguises), "{name:?}");
    assert!((1..=FILE_NAME_IN_FOLDER_BYTES_MAX).contains(&name.len()), "{name:?}");
    let folded = name.trim_end_matches(['.', ' ']).to_ascii_lowercase();
    assert!(![".git", ".hg", ".jj"].contains(&folded.as_str()), "{name:?}");
    assert!(!folded.starts_with(".part-"), "{name:?}");
}

/// Checks a name that stands alone.
#[track_caller]
fn check_is_safe(name: &str) {
    check_is_harmless(name);
    assert!(!name.chars().any(|part| FORBIDDEN.contains(part)), "{name:?}");
    assert!(!name.starts_with(['.', '-', ' ']), "{name:?}");
    assert!(!name.ends_with(['.', ' ']), "{name:?}");
    let stem = name.split('.').next().unwrap_or_default().trim().to_uppercase();
    let is_device = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"].contains(&stem.as_str());
    let port = stem.strip_prefix("COM").or(stem.strip_prefix("LPT")).unwrap_or("none");
    let is_port = port.chars().count() == 1 && "0123456789¹²³".contains(port);
    assert!(!is_device && !is_port, "{name:?}");
}

/// Checks the sanitized name of a text, and the names that are made of it.
#[track_caller]
fn check(text: &str) {
    let name = FileName::from(text);
    check_is_safe(name.as_str());
    assert!((1..=FILE_NAME_BYTES_MAX).contains(&name.as_str().len()), "{text:?}");
    assert_eq!(FileName::from(name.as_str()), name, "{text:?}");
    let inside = FileName::inside(text);
    check_is_harmless(inside.as_str());
    check_is_harmless(&inside.numbered(9_999));
    assert_eq!(FileName::inside(inside.as_str()), inside, "{text:?}");
    assert_eq!(FileName::inside(name.as_str()), name, "{text:?}");
    // Decoding sanitizes in the same way.
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

/// Checks that a stored name is accepted unchanged or refused.
#[track_caller]
fn check_as_stored(text: &str) {
    if let Ok(stored) = text.parse::<StoredName>() {
        assert_eq!(stored.as_str(), text);
        check_is_safe(text);
        // Partial files and their numbers differ from it by the first character and the length.
        assert!(text.len() <= 255 && text.starts_with(|first: char| first.is_ascii_digit()));
        assert_eq!(FileQuery::from(text).stored, Some(stored));
    }
}

/// Checks the text as the path of a file, and as a path of folders.
#[track_caller]
fn check_path(text: &str) {
    let path = FilePath::from(text);
    match path.folder() {
        Some(_) => check_is_harmless(path.name().as_str()),
        None => check_is_safe(path.name().as_str()),
    }
    path.folder().into_iter().for_each(check_folders);
    assert_eq!(FilePath::from(String::from(path.clone())), path, "{text:?}");
    let shown = FilePath::from(path.to_string()).with_executable(path.is_executable());
    assert_eq!(shown, path, "{text:?}");
    // A text that is not a path becomes one name.
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
    path.names().take(1).for_each(check_is_safe);
    path.names().for_each(check_is_harmless);
    assert!((1..=FOLDERS_MAX).contains(&path.names().count()), "{path:?}");
    assert!((1..=FOLDER_PATH_BYTES_MAX).contains(&path.as_str().len()), "{path:?}");
    assert_eq!(path.as_str().parse(), Ok(path.clone()));
    assert_eq!(frame::decode(&frame::encode(path)), Ok(path.clone()));
    let mut built = None;
    for name in path.names() {
        built = FolderPath::below(built.as_ref(), &FileName::inside(name)).ok();
    }
    assert_eq!(built.as_ref(), Some(path));
}

#[track_caller]
fn check_user(text: &str) {
    if let Some(user) = check_round::<UserName>(text) {
        let name = user.as_str();
        assert!((1..=NAME_BYTES_MAX).contains(&name.len()), "{text:?}");
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        assert!(name.bytes().all(|byte| plain(byte) || b"._-".contains(&byte)), "{text:?}");
        check_is_safe_folder(name);
    }
}

/// Checks a user's name as the name of the folder for the user's downloads.
#[track_caller]
fn check_is_safe_folder(name: &str) {
    let components: Vec<_> = Path::new(name).components().collect();
    assert!(matches!(components.as_slice(), [Component::Normal(only)] if *only == name));
}

/// Checks that the text form of a parsed value is parsed to the same value.
#[track_caller]
fn check_round<T: FromStr + Display + PartialEq + Debug>(text: &str) -> Option<T> {
    let value: T = text.parse().ok()?;
    assert_eq!(value.to_string().parse::<T>().ok().as_ref(), Some(&value), "{text:?}");
    Some(value)
}

#[cfg(test)]
mod tests;
