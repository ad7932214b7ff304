use std::fs;

use super::*;

fn names() -> Vec<String> {
    vec!["chat.example.org".to_owned()]
}

fn fingerprint(files: &IdentityFiles) -> Fingerprint {
    files.load().unwrap().unwrap().fingerprint().unwrap()
}

#[test]
fn the_next_key_stays_the_same_until_the_rotation() {
    let folder = tempfile::tempdir().unwrap();
    let files = IdentityFiles::in_folder(folder.path());
    assert!(matches!(files.make_next(), Err(IdentityError::Missing { .. })));
    let first = files.make_default().unwrap().fingerprint().unwrap();
    let next = files.make_next().unwrap();
    assert!(!next.existed && next.fingerprint != first);
    assert_eq!(files.make_next().unwrap(), PreparedKey { existed: true, ..next });
    assert_eq!(fingerprint(&files), first);
    let keys = files.read().unwrap().public_identity().unwrap().keys;
    assert_eq!((keys.current, keys.next), (first, Some(next.fingerprint)));

    assert!(matches!(files.rotate(&names()), Ok(Rotation::Done(_))));
    assert_eq!(fingerprint(&files), next.fingerprint);
    assert_eq!(files.names().unwrap(), names());
    assert!(matches!(files.rotate(&names()), Ok(Rotation::Nothing(_))));
    assert_eq!(fingerprint(&files), next.fingerprint);
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

/// A crash after each step of a rotation.
#[test]
fn an_interrupted_rotation_leaves_a_usable_identity_and_can_be_completed() {
    let steps: [fn(&IdentityFiles); 3] = [
        |_| {},
        |files| files.certify_next(&names()).unwrap(),
        |files| {
            files.certify_next(&names()).unwrap();
            pem_file::rename(&files.next_key(), &files.key).unwrap();
        },
    ];
    for (cut, step) in steps.iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let files = IdentityFiles::in_folder(folder.path());
        let first = files.make_default().unwrap().fingerprint().unwrap();
        let next = files.make_next().unwrap().fingerprint;
        step(&files);
        check_completes(&files, [first, next], cut);
    }
}

/// Checks that there is a usable identity after the crash, and that the rotation can be completed.
#[track_caller]
fn check_completes(files: &IdentityFiles, [first, next]: [Fingerprint; 2], cut: usize) {
    let current = if files.next_key().exists() { first } else { next };
    assert_eq!(fingerprint(files), current, "cut at {cut}");
    assert!(matches!(files.rotate(&names()), Ok(Rotation::Done(_))), "cut at {cut}");
    assert_eq!(fingerprint(files), next, "cut at {cut}");
    assert!(!files.next_certificate().exists() && !files.next_key().exists());
}

/// The rotation before was interrupted after the rename of the key, and was not completed.
#[test]
fn a_rotation_after_an_interrupted_one_leaves_a_usable_identity() {
    let steps: [fn(&IdentityFiles); 3] = [
        |files| _ = files.name_certificate().unwrap(),
        |files| files.certify_next(&names()).unwrap(),
        |files| {
            files.certify_next(&names()).unwrap();
            pem_file::rename(&files.next_key(), &files.key).unwrap();
        },
    ];
    for (cut, step) in steps.iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let files = IdentityFiles::in_folder(folder.path());
        files.make_default().unwrap();
        let first = files.make_next().unwrap().fingerprint;
        files.certify_next(&names()).unwrap();
        pem_file::rename(&files.next_key(), &files.key).unwrap();
        let next = files.make_next().unwrap().fingerprint;
        assert_eq!(fingerprint(&files), first, "cut at {cut}");
        step(&files);
        check_completes(&files, [first, next], cut);
    }
}

#[test]
fn a_renewal_keeps_the_names_that_were_given() {
    let folder = tempfile::tempdir().unwrap();
    let files = IdentityFiles::in_folder(folder.path());
    assert_eq!(files.names().unwrap(), ["localhost", "127.0.0.1", "::1"]);
    let given = ["chat.example.org", "192.0.2.7", "2001:db8::1"].map(str::to_owned);
    files.make(&given).unwrap();
    assert_eq!(files.names().unwrap(), given);
}
