use argon2::Argon2;

use super::*;

fn password(text: &str) -> Password {
    Password::try_from(text.to_owned()).unwrap()
}

fn passwords() -> Passwords {
    Passwords::new(NonZeroU32::MAX).unwrap()
}

/// Checks a password from an address that is used once.
async fn check(passwords: &Passwords, text: &str, hash: Option<&str>) -> PasswordCheck {
    let host = getrandom::u32().unwrap();
    let network = std::net::Ipv4Addr::from(host).into();
    let origin = Origin { network, user: format!("user{host}").parse().unwrap() };
    passwords.check(&origin, password(text), hash.map(str::to_owned)).await.unwrap()
}

#[tokio::test]
async fn a_password_matches_only_its_own_hash() {
    let passwords = passwords();
    let hash = passwords.hash([192, 0, 2, 1].into(), password("hunter2")).await.unwrap();
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    assert_eq!(check(&passwords, "hunter2", Some(&hash)).await, PasswordCheck::Right);
    assert_eq!(check(&passwords, "hunter3", Some(&hash)).await, PasswordCheck::Wrong);
    assert_eq!(check(&passwords, "nobody", None).await, PasswordCheck::Wrong);
}

#[tokio::test]
async fn a_hash_that_is_cheaper_to_guess_than_todays_is_weak() {
    let passwords = passwords();
    let (today, kind) = (Params::default(), Algorithm::Argon2id);
    for (kind, version, memory, passes, expected) in [
        (kind, Version::V0x13, today.m_cost(), today.t_cost(), PasswordCheck::Right),
        (kind, Version::V0x13, today.m_cost() + 8, today.t_cost() + 1, PasswordCheck::Right),
        (kind, Version::V0x13, today.m_cost() - 1, today.t_cost(), PasswordCheck::RightButWeak),
        (kind, Version::V0x13, today.m_cost(), today.t_cost() - 1, PasswordCheck::RightButWeak),
        (kind, Version::V0x10, today.m_cost(), today.t_cost(), PasswordCheck::RightButWeak),
        (Algorithm::Argon2i, Version::V0x13, today.m_cost(), 3, PasswordCheck::RightButWeak),
    ] {
        let params = Params::new(memory, passes, 1, None).unwrap();
        let hash = Argon2::new(kind, version, params).hash_password(b"hunter2").unwrap();
        let hash = hash.to_string();
        assert_eq!(check(&passwords, "hunter2", Some(&hash)).await, expected, "{hash}");
        assert_eq!(check(&passwords, "hunter3", Some(&hash)).await, PasswordCheck::Wrong, "{hash}");
    }
}

#[tokio::test]
async fn too_many_wrong_passwords_are_refused_before_anything_is_hashed() {
    let passwords = passwords();
    let hash = passwords.hash([192, 0, 2, 1].into(), password("hunter2")).await.unwrap();
    let origin = Origin { network: [192, 0, 2, 1].into(), user: "alice".parse().unwrap() };
    let tries = (0..20).map(|_| passwords.check(&origin, password("hunter3"), None));
    let mut tasks: Vec<_> = tries.map(Box::pin).collect();
    let mut hashed = 0;
    for task in &mut tasks {
        match task.await {
            Ok(check) => hashed += u32::from(check == PasswordCheck::Wrong),
            Err(CommandError::Refused(Refusal::TooManyAttempts { .. })) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    assert!(hashed < 20, "{hashed}");
    let right = passwords.check(&origin, password("hunter2"), Some(hash)).await;
    assert!(matches!(right, Err(CommandError::Refused(Refusal::TooManyAttempts { .. }))));
}

#[tokio::test]
async fn a_hash_that_cannot_be_read_counts_against_no_address() {
    let passwords = passwords();
    let origin = Origin { network: [192, 0, 2, 1].into(), user: "alice".parse().unwrap() };
    for _ in 0..8 {
        let checked = passwords.check(&origin, password("x"), Some("no hash".into())).await;
        assert!(matches!(checked, Err(CommandError::Failed(_))), "{checked:?}");
    }
}
