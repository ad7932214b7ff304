use super::*;

fn from(host: u8) -> SocketAddr {
    ([192, 0, 2, host], 4433).into()
}

fn admission(all: usize, per_address: usize) -> Admission {
    Admission::new(ConnectionLimits::new(all, per_address))
}

/// Lets so many in, whose addresses are proven, up to the ends of their handshakes.
#[track_caller]
fn come(admission: &Admission, host: u8, number: usize) -> Vec<ConnectionSlot> {
    let come = || match admission.judge(from(host), AddressProof::Proven) {
        Decision::Welcome(handshake) => handshake.done().unwrap(),
        other => panic!("{other:?}"),
    };
    (0..number).map(|_| come()).collect()
}

#[track_caller]
fn check_claimed(admission: &Admission, host: u8, expected: &str) {
    check(&admission.judge(from(host), AddressProof::Claimed), expected);
}

#[track_caller]
fn check_proven(admission: &Admission, host: u8, expected: &str) {
    check(&admission.judge(from(host), AddressProof::Proven), expected);
}

#[track_caller]
fn check(verdict: &Decision, expected: &str) {
    let verdict = match verdict {
        Decision::Welcome(_) => "welcome",
        Decision::ProveAddress => "prove",
        Decision::Refused => "refused",
        Decision::Ignored => "ignored",
    };
    assert_eq!(verdict, expected);
}

#[test]
fn an_address_has_to_be_proven_once_there_are_many_strangers() {
    let admission = admission(4096, 2048);
    let mut here = come(&admission, 1, SIGNED_OUT_UNPROVEN_PER_ADDRESS_MAX - 1);
    check_claimed(&admission, 1, "welcome");
    here.extend(come(&admission, 1, 1));
    check_claimed(&admission, 1, "prove");
    check_claimed(&admission, 2, "welcome");
    // Who signs in is no stranger any more; who signs out is one again.
    here[0].count_as(AuthState::SignedIn);
    check_claimed(&admission, 1, "welcome");
    here[0].count_as(AuthState::SignedOut);
    check_claimed(&admission, 1, "prove");
    let _elsewhere = come(&admission, 2, SIGNED_OUT_UNPROVEN_PER_ADDRESS_MAX);
    check_claimed(&admission, 3, "prove");
}

#[test]
fn an_address_has_only_so_many_places() {
    let admission = admission(4096, 2048);
    let mut here = come(&admission, 1, SIGNED_OUT_PER_ADDRESS_MAX);
    check_proven(&admission, 1, "refused");
    check_proven(&admission, 2, "welcome");
    here.pop();
    check_proven(&admission, 1, "welcome");
    let tight = self::admission(4096, 3);
    let mut here = come(&tight, 1, 3);
    here.iter_mut().for_each(|place| place.count_as(AuthState::SignedIn));
    check_claimed(&tight, 1, "prove");
    check_proven(&tight, 1, "refused");
    check_proven(&tight, 2, "welcome");
}

#[test]
fn the_server_has_only_so_many_places() {
    let admission = admission(4, 3);
    let mut places = come(&admission, 1, 3);
    places.extend(come(&admission, 2, 1));
    check_claimed(&admission, 3, "prove");
    check_proven(&admission, 3, "refused");
    places.iter_mut().for_each(|place| place.count_as(AuthState::SignedIn));
    check_proven(&admission, 3, "refused");
    places.pop();
    check_proven(&admission, 3, "welcome");
    drop(places);
    assert_eq!(admission.counters().all, ConnectionCount::default());
    assert_eq!(admission.counters().networks(), 0);
}

#[test]
fn who_pretends_to_be_somebody_takes_nobodys_place() {
    let admission = admission(4096, 2);
    let mut handshakes = Vec::new();
    for _ in 0..HANDSHAKES_UNPROVEN_MAX {
        match admission.judge(from(1), AddressProof::Claimed) {
            Decision::Welcome(handshake) => handshakes.push(handshake),
            other => panic!("{other:?}"),
        }
    }
    // From now on nobody gets further by a lie.
    check_claimed(&admission, 1, "prove");
    check_claimed(&admission, 2, "prove");
    let _places = come(&admission, 1, 2);
    // A handshake that ends after all is a proof, and meets what there is by then.
    assert_eq!(handshakes.pop().unwrap().done().unwrap_err(), ServerFull);
    check_claimed(&admission, 2, "welcome");
    drop(handshakes);
    assert_eq!(admission.counters().handshakes.all(), 0);
}

#[test]
fn only_so_many_handshakes_are_under_way() {
    let admission = admission(4096, 2048);
    let mut handshakes = Vec::new();
    for number in 0..HANDSHAKES_MAX {
        let host = u8::try_from(number).unwrap();
        match admission.judge(from(host), AddressProof::Proven) {
            Decision::Welcome(handshake) => handshakes.push(handshake),
            other => panic!("{other:?}"),
        }
    }
    check_claimed(&admission, 255, "ignored");
    check_proven(&admission, 255, "ignored");
    handshakes.pop();
    check_claimed(&admission, 255, "prove");
    check_proven(&admission, 255, "welcome");
}

#[test]
fn one_network_leaves_handshakes_to_others() {
    let admission = admission(4096, 2048);
    let mut handshakes = Vec::new();
    while let Decision::Welcome(handshake) = admission.judge(from(1), AddressProof::Proven) {
        handshakes.push(handshake);
    }
    assert_eq!(handshakes.len(), HANDSHAKES_MAX / 2);
    check_proven(&admission, 1, "ignored");
    for host in 2..=8 {
        check_proven(&admission, host, "welcome");
        while let Decision::Welcome(handshake) = admission.judge(from(host), AddressProof::Proven) {
            handshakes.push(handshake);
        }
    }
    check_proven(&admission, 9, "welcome");
    drop(handshakes);
    assert_eq!(admission.counters().handshakes.all(), 0);
    check_proven(&admission, 1, "welcome");
}

#[test]
fn who_signs_out_where_there_are_strangers_enough_is_one_too_many() {
    let admission = admission(4096, 2048);
    let mut signed_in = come(&admission, 1, 1).pop().unwrap();
    signed_in.count_as(AuthState::SignedIn);
    let mut signed_out = come(&admission, 1, SIGNED_OUT_PER_ADDRESS_MAX);
    assert!(signed_in.is_within_limits());
    signed_in.count_as(AuthState::SignedOut);
    assert!(!signed_in.is_within_limits());
    signed_out.pop();
    assert!(signed_in.is_within_limits());
}
