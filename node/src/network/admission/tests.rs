use super::*;

fn from(host: u8) -> SocketAddr {
    ([192, 0, 2, host], 4433).into()
}

fn admission(all: usize, per_address: usize) -> Admission {
    Admission::new(ConnectionLimits::new(all, per_address))
}

/// Makes so many connections from a validated address, up to the ends of their handshakes.
#[track_caller]
fn connect(admission: &Admission, host: u8, number: usize) -> Vec<ConnectionSlot> {
    let connect = || match admission.decide(from(host), AddressValidation::Validated) {
        Decision::Admit(handshake) => handshake.complete().unwrap(),
        other => panic!("{other:?}"),
    };
    (0..number).map(|_| connect()).collect()
}

#[track_caller]
fn check_claimed(admission: &Admission, host: u8, expected: &str) {
    check(&admission.decide(from(host), AddressValidation::Claimed), expected);
}

#[track_caller]
fn check_validated(admission: &Admission, host: u8, expected: &str) {
    check(&admission.decide(from(host), AddressValidation::Validated), expected);
}

#[track_caller]
fn check(decision: &Decision, expected: &str) {
    let decision = match decision {
        Decision::Admit(_) => "admit",
        Decision::Retry => "retry",
        Decision::Refuse => "refuse",
        Decision::Ignore => "ignore",
    };
    assert_eq!(decision, expected);
}

#[test]
fn an_address_is_validated_once_many_connections_are_signed_out() {
    let admission = self::admission(4096, 2048);
    let mut here = connect(&admission, 1, SIGNED_OUT_UNVALIDATED_PER_ADDRESS_MAX - 1);
    check_claimed(&admission, 1, "admit");
    here.extend(connect(&admission, 1, 1));
    check_claimed(&admission, 1, "retry");
    check_claimed(&admission, 2, "admit");
    // Signing in frees a signed-out slot; signing out takes one again.
    here[0].count_as(AuthState::SignedIn);
    check_claimed(&admission, 1, "admit");
    here[0].count_as(AuthState::SignedOut);
    check_claimed(&admission, 1, "retry");
    let _elsewhere = connect(&admission, 2, SIGNED_OUT_UNVALIDATED_PER_ADDRESS_MAX);
    check_claimed(&admission, 3, "retry");
}

#[test]
fn an_address_has_only_so_many_slots() {
    let admission = self::admission(4096, 2048);
    let mut here = connect(&admission, 1, SIGNED_OUT_PER_ADDRESS_MAX);
    check_validated(&admission, 1, "refuse");
    check_validated(&admission, 2, "admit");
    here.pop();
    check_validated(&admission, 1, "admit");
    let tight = self::admission(4096, 3);
    let mut here = connect(&tight, 1, 3);
    here.iter_mut().for_each(|slot| slot.count_as(AuthState::SignedIn));
    check_claimed(&tight, 1, "retry");
    check_validated(&tight, 1, "refuse");
    check_validated(&tight, 2, "admit");
}

#[test]
fn the_server_has_only_so_many_slots() {
    let admission = self::admission(4, 3);
    let mut slots = connect(&admission, 1, 3);
    slots.extend(connect(&admission, 2, 1));
    check_claimed(&admission, 3, "retry");
    check_validated(&admission, 3, "refuse");
    slots.iter_mut().for_each(|slot| slot.count_as(AuthState::SignedIn));
    check_validated(&admission, 3, "refuse");
    slots.pop();
    check_validated(&admission, 3, "admit");
    drop(slots);
    assert_eq!(admission.counters().all, ConnectionCount::default());
    assert_eq!(admission.counters().networks(), 0);
}

#[test]
fn a_forged_address_takes_no_slot() {
    let admission = self::admission(4096, 2);
    let mut handshakes = Vec::new();
    for _ in 0..HANDSHAKES_UNVALIDATED_MAX {
        match admission.decide(from(1), AddressValidation::Claimed) {
            Decision::Admit(handshake) => handshakes.push(handshake),
            other => panic!("{other:?}"),
        }
    }
    // From now on a claimed address gets no further.
    check_claimed(&admission, 1, "retry");
    check_claimed(&admission, 2, "retry");
    let _places = connect(&admission, 1, 2);
    // A handshake that completes validates its address, and then meets the limits.
    assert_eq!(handshakes.pop().unwrap().complete().unwrap_err(), ServerFull);
    check_claimed(&admission, 2, "admit");
    drop(handshakes);
    assert_eq!(admission.counters().handshakes.all(), 0);
}

#[test]
fn only_so_many_handshakes_are_under_way() {
    let admission = self::admission(4096, 2048);
    let mut handshakes = Vec::new();
    for number in 0..HANDSHAKES_MAX {
        let host = u8::try_from(number).unwrap();
        match admission.decide(from(host), AddressValidation::Validated) {
            Decision::Admit(handshake) => handshakes.push(handshake),
            other => panic!("{other:?}"),
        }
    }
    check_claimed(&admission, 255, "ignore");
    check_validated(&admission, 255, "ignore");
    handshakes.pop();
    check_claimed(&admission, 255, "retry");
    check_validated(&admission, 255, "admit");
}

#[test]
fn one_network_leaves_handshakes_to_others() {
    let admission = self::admission(4096, 2048);
    let mut handshakes = Vec::new();
    while let Decision::Admit(handshake) = admission.decide(from(1), AddressValidation::Validated) {
        handshakes.push(handshake);
    }
    assert_eq!(handshakes.len(), HANDSHAKES_MAX / 2);
    check_validated(&admission, 1, "ignore");
    for host in 2..=8 {
        check_validated(&admission, host, "admit");
        while let Decision::Admit(handshake) =
            admission.decide(from(host), AddressValidation::Validated)
        {
            handshakes.push(handshake);
        }
    }
    check_validated(&admission, 9, "admit");
    drop(handshakes);
    assert_eq!(admission.counters().handshakes.all(), 0);
    check_validated(&admission, 1, "admit");
}

#[test]
fn signing_out_beyond_the_limit_of_signed_out_connections_is_noticed() {
    let admission = self::admission(4096, 2048);
    let mut signed_in = connect(&admission, 1, 1).pop().unwrap();
    signed_in.count_as(AuthState::SignedIn);
    let mut signed_out = connect(&admission, 1, SIGNED_OUT_PER_ADDRESS_MAX);
    assert!(signed_in.is_within_limits());
    signed_in.count_as(AuthState::SignedOut);
    assert!(!signed_in.is_within_limits());
    signed_out.pop();
    assert!(signed_in.is_within_limits());
}
