use std::fs;

use super::*;

fn cursors() -> Vec<Cursor> {
    let lab = Log::Group("lab".parse().unwrap());
    [(lab, 3), (Log::Inbox, 17)].map(|(log, after)| Cursor { log, after: Sequence(after) }).into()
}

#[test]
fn cursors_stay_and_the_file_has_one_user() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/bot");
    let mut file = CursorFile::open(path.clone()).unwrap();
    assert_eq!(file.cursors(), []);
    file.save(cursors()).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "+lab 3\ninbox 17\n");
    let second = CursorFile::open(path.clone());
    assert!(matches!(second, Err(CursorFileError::InUse { .. })), "{second:?}");
    drop(file);
    assert_eq!(CursorFile::open(path).unwrap().cursors(), cursors());
}

#[test]
fn a_damaged_file_is_reported_and_not_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bot");
    for damaged in ["inbox 1\nlab 2\n", "inbox 1\n+lab\n", "inbox 1\n+lab -1\n"] {
        fs::write(&path, damaged).unwrap();
        let opened = CursorFile::open(path.clone());
        assert!(matches!(opened, Err(CursorFileError::Damaged { line: 2, .. })), "{damaged}");
        assert_eq!(fs::read_to_string(&path).unwrap(), damaged);
    }
}
