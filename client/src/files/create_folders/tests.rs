use std::os::unix::fs::symlink;

use super::*;

#[track_caller]
fn check(top: &Path, path: &str, expected: Result<&str, (&str, &str)>) {
    let made = make_now(top.to_owned(), &path.parse().unwrap());
    let made = made.map_err(|(path, reason)| (path, reason.to_string()));
    let expected = expected.map(|path| top.join(path));
    assert_eq!(made, expected.map_err(|(path, why)| (top.join(path), why.to_owned())));
}

#[test]
fn folders_are_made_and_no_link_in_their_place_is_followed() {
    let place = tempfile::tempdir().unwrap();
    let (top, outside) = (place.path().join("a/top"), place.path().join("outside"));
    std::fs::create_dir(&outside).unwrap();
    check(&top, "photos/2024", Ok("photos/2024"));
    check(&top, "photos/2024", Ok("photos/2024"));
    std::fs::write(top.join("photos/file"), "").unwrap();
    symlink(&outside, top.join("photos/link")).unwrap();
    symlink(place.path().join("nothing"), top.join("dangling")).unwrap();
    let link = "this is a symbolic link, and none is followed";
    check(&top, "photos/link", Err(("photos/link", link)));
    check(&top, "photos/link/x", Err(("photos/link", link)));
    check(&top, "dangling/x", Err(("dangling", link)));
    check(&top, "photos/file/x", Err(("photos/file", "this is no folder")));
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 0);
    assert!(!place.path().join("nothing").exists());
    // If the folder for downloads itself is a link, its target is meant.
    symlink(&outside, place.path().join("top")).unwrap();
    check(&place.path().join("top"), "photos", Ok("photos"));
}
