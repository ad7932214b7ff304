use std::os::unix::fs::MetadataExt;

use super::*;

#[test]
fn a_renewed_certificate_keeps_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let files = IdentityFiles::in_folder(folder.path());
    assert!(files.load().unwrap().is_none());
    let first = files.make_default().unwrap();
    let renewed = files.make(&["chat.example.org".to_owned()]).unwrap();
    assert_eq!(first.fingerprint().unwrap(), renewed.fingerprint().unwrap());
    assert_ne!(first.chain, renewed.chain);
    assert_eq!(std::fs::metadata(&files.key).unwrap().mode() & 0o777, KEY_MODE);
}

#[test]
fn a_certificate_without_its_key_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let files = IdentityFiles::in_folder(folder.path());
    files.make_default().unwrap();
    std::fs::remove_file(&files.key).unwrap();
    let error = files.load().unwrap_err().to_string();
    assert!(error.contains("key.pem is missing"), "{error}");
}

#[test]
fn a_foreign_key_does_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    let files = IdentityFiles::in_folder(folder.path());
    files.make_default().unwrap();
    let other = KeyPair::generate().unwrap().serialize_pem();
    std::fs::write(&files.key, other).unwrap();
    assert!(matches!(files.load(), Err(IdentityError::Mismatch { .. })));
    std::fs::write(&files.key, "rubbish").unwrap();
    assert!(matches!(files.load(), Err(IdentityError::Unreadable { .. })));
}
