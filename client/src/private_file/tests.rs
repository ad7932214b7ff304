use std::os::unix::fs::PermissionsExt;

use super::*;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn the_file_and_its_new_folder_are_for_their_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/file");
    let lock = lock(&path).unwrap();
    replace(&path, "text").unwrap();
    drop(lock);
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(&folder.path().join("new")), 0o700);
    assert_eq!(mode(&folder.path().join("new/file.lock")), 0o600);
}

#[test]
fn a_secret_that_others_can_read_is_refused_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    assert_eq!(read_secret(&path, 4).unwrap(), None);
    replace(&path, "text").unwrap();
    assert_eq!(read_secret(&path, 4).unwrap(), Some(b"text".to_vec()));
    assert_eq!(read_secret(&path, 3).unwrap_err().kind(), io::ErrorKind::InvalidData);
    for mode in [0o640, 0o604, 0o660, 0o644] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = read_secret(&path, 4).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied, "{mode:o}");
        let remedy = format!("chmod 600 {}", path.display());
        assert!(error.to_string().contains(&remedy), "{error}");
    }
}

#[test]
fn existing_links_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (path, victim) = (folder.path().join("file"), folder.path().join("victim"));
    let links: [fn(&Path, &Path) -> io::Result<()>; 2] =
        [|to, link| std::os::unix::fs::symlink(to, link), |to, link| fs::hard_link(to, link)];
    for link in links {
        fs::write(&victim, "untouched").unwrap();
        for place in ["file", "file.lock"] {
            let _ = fs::remove_file(folder.path().join(place));
            link(&victim, &folder.path().join(place)).unwrap();
        }
        assert!(lock(&path).is_err() && try_lock(&path).is_err() && open_own(&path).is_err());
        replace(&path, "text").unwrap();
        assert_eq!(fs::read_to_string(&victim).unwrap(), "untouched");
        assert!(fs::symlink_metadata(&path).unwrap().is_file());
        assert_eq!(fs::read_to_string(&path).unwrap(), "text");
        fs::remove_file(&victim).unwrap();
    }
    // The missing target of a link is not made either.
    fs::remove_file(folder.path().join("file.lock")).unwrap();
    std::os::unix::fs::symlink(&victim, folder.path().join("file.lock")).unwrap();
    assert!(lock(&path).is_err() && !victim.exists());
}

#[test]
fn a_path_without_a_folder_is_in_the_current_one() {
    assert_eq!(folder_of(Path::new("file")), Path::new("."));
    assert_eq!(folder_of(Path::new("a/file")), Path::new("a"));
}
