use argon2::PasswordVerifier;

use super::*;

#[test]
fn reused_memory_changes_no_hash() {
    let (argon, salt) = (ReusableArgon2::default(), b"sixteen bytes...");
    for (memory, passes) in [(19_456, 2), (64, 1), (256, 3)] {
        for password in ["hunter2", "hunter3"] {
            let params = Params::new(memory, passes, 1, None).unwrap();
            let theirs = Argon2::default()
                .hash_password_customized(password.as_bytes(), salt, None, None, params.clone())
                .unwrap();
            let ours = argon
                .hash_password_customized(password.as_bytes(), salt, None, None, params)
                .unwrap();
            assert_eq!(ours.to_string(), theirs.to_string());
            assert!(argon.verify_password(password.as_bytes(), &theirs).is_ok());
            assert!(argon.verify_password(b"hunter", &theirs).is_err());
        }
    }
}

#[test]
fn as_much_memory_is_kept_as_is_used_at_a_time() {
    let argon = ReusableArgon2::default();
    let memory = || argon.spare.lock().unwrap().iter().map(Vec::len).sum::<usize>();
    for _ in 0..3 {
        argon.hash_password(b"hunter2").unwrap();
        assert_eq!(memory(), Params::default().block_count());
    }
}
