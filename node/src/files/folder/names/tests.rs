use super::*;

#[test]
fn a_store_is_bound_to_the_first_folder_without_stored_files() {
    let (data, full) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let open = |folder: &Path| is_bound(folder, data.path()).unwrap();
    std::fs::write(full.path().join("1763833207123_a.txt"), "of another store").unwrap();
    assert!(!open(full.path()));
    let empty = tempfile::tempdir().unwrap();
    std::fs::write(empty.path().join("README.md"), "no file of a store").unwrap();
    assert!(open(empty.path()));
    std::fs::write(empty.path().join("1763833207123_a.txt"), "of this store").unwrap();
    assert!(open(empty.path()));
    std::fs::remove_file(full.path().join("1763833207123_a.txt")).unwrap();
    assert!(!open(full.path()));
}
