use qchat_proto::command::{Login, Users};
use qchat_proto::limits::{NAME_BYTES_MAX, PASSWORD_BYTES_MAX};

use super::*;

fn arrive(auth_state: AuthState, pieces: &[(usize, &[u8])]) -> Result<&'static str, RequestError> {
    let mut partial = PartialRequest::of(auth_state);
    for &(offset, piece) in pieces {
        partial.take(offset, piece)?;
    }
    partial.request().map(|request| match request {
        Request::Users(_) => "users",
        Request::Login(_) => "login",
        _ => "another",
    })
}

#[test]
fn a_request_is_complete_in_any_order_of_its_bytes() {
    let frame = frame::encode_frame(&Request::from(Users { after: None }));
    let mut pieces: Vec<(usize, &[u8])> = frame.chunks(1).enumerate().collect();
    for auth_state in [AuthState::SignedOut, AuthState::SignedIn] {
        assert_eq!(arrive(auth_state, &pieces).unwrap(), "users");
    }
    pieces.reverse();
    assert_eq!(arrive(AuthState::SignedOut, &pieces).unwrap(), "users");
    pieces.swap(0, 3);
    assert_eq!(arrive(AuthState::SignedOut, &pieces).unwrap(), "users");
    pieces.pop();
    assert!(matches!(arrive(AuthState::SignedOut, &pieces), Err(RequestError::Garbage(_))));
}

#[test]
fn a_request_in_too_many_pieces_is_rejected() {
    let every_other = |count: usize| -> Vec<(usize, &[u8])> {
        (0..count).map(|number| (4 + 2 * number, &b"x"[..])).collect()
    };
    for auth_state in [AuthState::SignedOut, AuthState::SignedIn] {
        let most = arrive(auth_state, &every_other(OUT_OF_ORDER_MAX));
        assert!(matches!(most, Err(RequestError::Garbage(_))), "{most:?}");
        let more = arrive(auth_state, &every_other(OUT_OF_ORDER_MAX + 1));
        assert!(matches!(more, Err(RequestError::Scattered)), "{more:?}");
    }
}

#[test]
fn the_longest_signed_out_request_is_accepted() {
    let user = "a".repeat(NAME_BYTES_MAX).parse().unwrap();
    let password = "x".repeat(PASSWORD_BYTES_MAX).try_into().unwrap();
    let frame = frame::encode_frame(&Request::from(Login { user, password }));
    assert!(2 * frame.len() < SIGNED_OUT_REQUEST_BYTES_MAX);
    assert_eq!(arrive(AuthState::SignedOut, &[(0, &frame)]).unwrap(), "login");
}

#[test]
fn a_request_is_too_long_by_its_length_or_by_its_bytes() {
    let (short, long) = (SIGNED_OUT_REQUEST_BYTES_MAX, REQUEST_BYTES_MAX);
    let length = |length: usize| u32::try_from(length).unwrap().to_be_bytes();
    let check = |auth_state, pieces: &[(usize, &[u8])], signed_out: bool| match arrive(
        auth_state, pieces,
    ) {
        Err(RequestError::TooLong) => assert!(!signed_out),
        Err(RequestError::TooLongSignedOut) => assert!(signed_out),
        other => panic!("{other:?}"),
    };
    check(AuthState::SignedOut, &[(0, &length(short + 1))], true);
    check(AuthState::SignedOut, &[(0, &length(long))], true);
    check(AuthState::SignedOut, &[(0, &length(long + 1))], false);
    check(AuthState::SignedIn, &[(0, &length(long + 1))], false);
    check(AuthState::SignedOut, &[(short + 4, b"x")], false);
    check(AuthState::SignedIn, &[(0, &length(9)[..]), (4, &vec![0; long + 1][..])], false);
    let whole = [&length(long)[..], &vec![0; long]].concat();
    check(AuthState::SignedOut, &[(0, &whole)], true);
    check(AuthState::SignedOut, &[(usize::MAX, b"x")], false);
}

#[test]
fn a_slow_request_gets_little_time() {
    let mut partial = PartialRequest::of(AuthState::SignedIn);
    assert_eq!(partial.time_max(), TIME_MAX);
    partial.take(0, &[0; 4]).unwrap();
    // A byte a second.
    partial.take(4, &[0; 5]).unwrap();
    assert!(partial.time_max() < Duration::from_secs(9));
    // The longest message at 600 bytes a second takes half a minute.
    partial.take(9, &[0; 16 * 1024]).unwrap();
    assert!(partial.time_max() > Duration::from_secs(16 * 1024 / 600));
    partial.take(9 + 16 * 1024, &[0; 48_000]).unwrap();
    assert_eq!(partial.time_max(), TIME_MAX_IN_ALL);
}
