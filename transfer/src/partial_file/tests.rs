//! Partial files, their owners, and their final names.

use super::*;

fn open(folder: &Path, name: &str) -> PartialFile {
    PartialFile::open(folder, name, 0o600, &DiskPriority::default())
        .unwrap()
        .expect("nobody else has it")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_finished_file_replaces_nothing() {
    for finish in [PartialFile::finish, |part: PartialFile, names| part.link(names)] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        std::fs::write(folder.join("a"), "old").unwrap();
        std::os::unix::fs::symlink("/nowhere", folder.join("b")).unwrap();
        let part = open(folder, "x");
        part.disk.write(b"new", 0).unwrap();

        let name = finish(part, ["a", "b", "c"].map(String::from)).unwrap();

        assert_eq!(name, "c");
        assert_eq!(std::fs::read(folder.join("a")).unwrap(), b"old");
        assert_eq!(std::fs::read(folder.join("c")).unwrap(), b"new");
    }
}

#[test]
fn a_symbolic_link_at_the_path_of_a_partial_file_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (inside, outside) = (folder.path().join("inside"), folder.path().join("outside"));
    std::fs::create_dir(&inside).unwrap();
    let part = inside.join(".part-x");
    for target in [&outside, &inside, &part] {
        std::os::unix::fs::symlink(target, &part).unwrap();
        assert!(
            PartialFile::open(&inside, "x", 0o600, &DiskPriority::default()).is_err(),
            "{target:?}"
        );
        assert!(PartialFile::list(&inside).unwrap().is_empty(), "{target:?}");
        std::fs::remove_file(&part).unwrap();
    }
    assert!(!outside.exists());
    std::fs::create_dir(&part).unwrap();
    assert!(PartialFile::open(&inside, "x", 0o600, &DiskPriority::default()).is_err());
}

#[test]
fn a_file_that_could_not_be_synced_is_not_continued() {
    let folder = tempfile::tempdir().unwrap();
    let part = open(folder.path(), "x");
    part.disk.write(b"new", 0).unwrap();
    part.sync().unwrap();
    assert_eq!(part.bytes().unwrap(), 3);
    let failed = part.disk.empty_unless_synced(Err(io::Error::other("a bad sector")));
    assert_eq!(failed.unwrap_err().to_string(), "a bad sector");
    drop(part);
    assert_eq!(names(folder.path()), [""; 0]);
}

#[test]
fn a_partial_file_with_another_name_is_copied_before_a_write() {
    let folder = tempfile::tempdir().unwrap();
    let (path, other) = (folder.path().join(".part-x"), folder.path().join("other"));
    std::fs::write(&other, "old").unwrap();
    std::fs::hard_link(&other, &path).unwrap();
    let part = open(folder.path(), "x");
    assert_eq!(part.bytes().unwrap(), 3);
    part.disk.write(b"new and longer", 0).unwrap();
    assert!(
        PartialFile::open(folder.path(), "x", 0o600, &DiskPriority::default()).unwrap().is_none()
    );
    part.finish(["a".to_owned()]).unwrap();
    assert_eq!(std::fs::read_to_string(&other).unwrap(), "old");
    assert_eq!(names(folder.path()), ["a", "other"]);
}

#[test]
fn a_file_that_gets_no_final_name_stays_a_partial_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a"), "").unwrap();
    open(folder.path(), "x").disk.write(b"abc", 0).unwrap();
    let taken = open(folder.path(), "x").finish(["a".to_owned()]);
    assert!(matches!(taken, Err(FinishError::NamesTaken)));
    assert_eq!(names(folder.path()), [".part-x", "a"]);
    assert_eq!(open(folder.path(), "x").finish(["b".to_owned()]).unwrap(), "b");
    assert_eq!(names(folder.path()), ["a", "b"]);
}

#[test]
fn a_partial_file_has_one_owner_and_outlives_it() {
    let folder = tempfile::tempdir().unwrap();
    let part = open(folder.path(), "x");
    part.disk.write(b"abc", 0).unwrap();
    assert!(
        PartialFile::open(folder.path(), "x", 0o600, &DiskPriority::default()).unwrap().is_none()
    );
    drop(part);
    assert_eq!(open(folder.path(), "x").bytes().unwrap(), 3);
}

#[test]
fn a_finished_file_is_no_partial_file_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".part-x");
    let part = open(folder.path(), "x");
    let waiting = File::open(&path).unwrap();
    part.finish(["a".to_owned()]).unwrap();
    assert!(!is_at(&waiting, &path).unwrap());
    let _new = open(folder.path(), "x");
    assert!(!is_at(&waiting, &path).unwrap());
}

#[test]
fn partial_files_are_listed_and_other_files_are_not() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["x", "y"] {
        open(folder.path(), name).disk.write(b"abc", 0).unwrap();
    }
    open(folder.path(), "y").link(["1_a".to_owned()]).unwrap();
    drop(open(folder.path(), "empty"));
    // A process that is killed leaves the copy.
    let (_, copy) = new_copy(folder.path()).unwrap().keep().unwrap();
    let found = PartialFile::list(folder.path()).unwrap();
    let mut found: Vec<_> = found.into_iter().map(|part| part.name).collect();
    found.sort();
    let copy = copy.file_name().unwrap().to_str().unwrap();
    let mut expected = [copy.strip_prefix(PART_PREFIX).unwrap_or(copy), "x", "y"];
    expected.sort_unstable();
    assert_eq!(found, expected);
    assert!(PartialFile::list(&folder.path().join("missing")).unwrap().is_empty());
}
