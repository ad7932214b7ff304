use super::*;

#[track_caller]
fn check(path: &Path, expected: &str) {
    let refused = LocalFile::open_now(path.to_owned()).map(|local| local.size);
    assert_eq!(refused.map_err(|reason| reason.to_string()), Err(expected.to_owned()));
}

#[test]
fn only_a_regular_file_can_be_sent() {
    let folder = tempfile::tempdir().unwrap();
    check(folder.path(), "this is a folder");
    check(&folder.path().join("missing"), "there is no such file");
    check(Path::new("/dev/null"), "this is no regular file");
    check(Path::new(""), "there is no such file");
}
