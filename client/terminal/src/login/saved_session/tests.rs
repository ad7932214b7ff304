use super::*;

fn sessions(folder: &Path, server: &str) -> SavedSessions {
    SavedSessions::new(folder, &ServerNames::given(&server.parse().unwrap()))
}

fn file(folder: &Path, server: &str) -> SessionFile {
    sessions(folder, server).of(&"alice".parse().unwrap())
}

#[test]
fn a_saved_session_is_private_and_stays_until_it_is_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let file = file(&folder.path().join("sessions"), "localhost");
    assert_eq!(file.load().unwrap(), SavedToken::Nothing);
    let (token, newer) = (SessionToken::random(), SessionToken::random());
    file.save(&token).unwrap();
    assert_eq!(file.load().unwrap(), SavedToken::Token(token.clone()));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&file.path), 0o600);
        assert_eq!(mode(&folder.path().join("sessions")), 0o700);
    }
    file.delete(&newer);
    assert_eq!(file.load().unwrap(), SavedToken::Token(token.clone()));
    file.delete(&token);
    file.delete(&token);
    assert_eq!(file.load().unwrap(), SavedToken::Nothing);
}

#[test]
fn servers_do_not_share_a_file_and_stay_in_the_folder() {
    let folder = Path::new("/s");
    assert_eq!(file(folder, "localhost").path, Path::new("/s/localhost%3A4433/alice"));
    assert_eq!(file(folder, "[::1]:1").path, Path::new("/s/%5B%3A%3A1%5D%3A1/alice"));
    assert_eq!(component("../x"), "..%2Fx");
}

#[test]
fn what_makes_no_sense_is_told_apart_from_no_session() {
    let folder = tempfile::tempdir().unwrap();
    let file = file(folder.path(), "localhost");
    file.save(&SessionToken::random()).unwrap();
    let path = || file.path.clone();
    for content in ["", "\n"] {
        fs::write(&file.path, content).unwrap();
        assert_eq!(file.load().unwrap(), SavedToken::Empty(path()));
    }
    for content in [&b"abc"[..], &[b'x'; 1000], &[0xff; 64], &[0; 64]] {
        fs::write(&file.path, content).unwrap();
        assert_eq!(file.load().unwrap(), SavedToken::Damaged(path()));
    }
}

#[test]
fn who_signed_in_last_is_noted_until_they_sign_out() {
    let folder = tempfile::tempdir().unwrap();
    let sessions = sessions(folder.path(), "localhost");
    let (alice, bob) = ("alice".parse().unwrap(), "bob".parse().unwrap());
    assert_eq!(sessions.last(), None);
    sessions.note_last(&alice).unwrap();
    sessions.forget_last(&bob);
    assert_eq!(sessions.last(), Some(alice));
    sessions.note_last(&bob).unwrap();
    sessions.forget_last(&bob);
    assert_eq!(sessions.last(), None);
}

#[test]
fn a_user_whose_name_looks_like_that_of_a_lock_has_no_session_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let sessions = sessions(folder.path(), "localhost");
    let _lock = sessions.lock_sign_in(&"alice".parse().unwrap()).unwrap();
    let other = sessions.of(&"alice.lock".parse().unwrap());
    assert_eq!(other.load().unwrap(), SavedToken::Nothing);
}
