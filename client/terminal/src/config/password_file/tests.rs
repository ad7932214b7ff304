use super::*;

#[track_caller]
fn check(content: &[u8], expected: Option<&str>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("password");
    private_file::replace(&path, "").unwrap();
    std::fs::write(&path, content).unwrap();
    let password = first_line(&path);
    assert_eq!(password.as_ref().ok().map(Password::expose), expected, "{content:?}");
}

#[test]
fn a_password_file_holds_the_password_in_its_first_line() {
    check(b"secret", Some("secret"));
    check(b" se cret \r\nmore", Some(" se cret "));
    check(b"", None);
    check(b"\nsecret", None);
    check(b"\xff\n", None);
    check(&[b'x'; 1024], Some(&"x".repeat(1024)));
    check(&[b'x'; 1025], None);
}

#[cfg(unix)]
#[test]
fn a_password_file_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("password");
    std::fs::write(&path, "secret").unwrap();
    for mode in [0o640, 0o604] {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(&path, permissions).unwrap();
        let error = format!("{:#}", first_line(&path).unwrap_err());
        assert!(error.contains(&format!("chmod 600 {}", path.display())), "{error}");
    }
}

#[test]
fn a_missing_password_file_is_named() {
    let missing = first_line(Path::new("/no/such/file")).unwrap_err();
    assert!(format!("{missing:#}").contains("/no/such/file"));
}
