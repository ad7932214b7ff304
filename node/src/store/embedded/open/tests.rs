use super::*;

#[test]
fn opening_to_read_does_not_change_the_file() {
    let (used, copied) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // The copied database was not closed, so redb has to repair it before it can be read.
    let _open = open_or_create(used.path()).unwrap();
    let file = copied.path().join(FILE);
    std::fs::copy(used.path().join(FILE), &file).unwrap();
    let before = std::fs::read(&file).unwrap();
    let database = open_to_read(copied.path()).unwrap();
    assert_eq!(tables::batches(&database).unwrap(), 0);
    drop(database);
    assert_eq!(std::fs::read(&file).unwrap(), before);
    std::fs::remove_file(&file).unwrap();
    assert!(matches!(open_to_read(copied.path()), Err(OpenError::Gone(_))));
}

#[test]
fn links_in_the_folder_are_not_followed() {
    for name in [LOCK, FILE] {
        let top = tempfile::tempdir().unwrap();
        let (folder, outside) = (top.path().join("data"), top.path().join("outside"));
        std::fs::create_dir(&folder).unwrap();
        std::os::unix::fs::symlink(&outside, folder.join(name)).unwrap();
        let refused = lock(&folder).unwrap_err();
        assert!(matches!(&refused, OpenError::Unusable { path, .. } if path.ends_with(name)));
        assert!(!outside.exists(), "{name}");
    }
}
