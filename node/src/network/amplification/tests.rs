use super::*;

fn address(port: u16) -> SocketAddr {
    ([192, 0, 2, 1], port).into()
}

/// Datagrams of one length, and the number of their bytes.
fn transmit(port: u16, contents: &[u8], segment_size: usize) -> Transmit<'_> {
    let segment_size = (segment_size < contents.len()).then_some(segment_size);
    Transmit { destination: address(port), ecn: None, contents, segment_size, src_ip: None }
}

#[test]
fn three_times_the_received_bytes_may_be_sent_and_no_byte_more() {
    let limit = AmplificationLimit::new();
    let zeros = [0; 4000];
    let debit = |port, bytes| limit.debit(&transmit(port, &zeros[..bytes], bytes));
    assert_eq!(debit(1, 1), 0, "nothing came");
    assert!(limit.credit(address(1), 1200).is_none());
    for (bytes, sent) in [(1200, 1200), (1200, 1200), (138, 138), (1200, 0), (1062, 1062)] {
        assert_eq!(debit(1, bytes), sent);
    }
    assert_eq!(debit(1, 1), 0);
    limit.credit(address(1), 10);
    assert_eq!([debit(1, 31), debit(1, 30), debit(1, 1), debit(2, 1)], [0, 30, 0, 0]);
    limit.refund(&address(1), 30);
    assert_eq!([debit(1, 30), debit(1, 1)], [30, 0]);
}

#[test]
fn of_several_datagrams_only_those_within_the_credit_are_sent() {
    let limit = AmplificationLimit::new();
    limit.credit(address(1), 1000);
    let zeros = [0; 5000];
    assert_eq!(limit.debit(&transmit(1, &zeros, 1200)), 2400);
    assert_eq!(limit.debit(&transmit(1, &zeros[..600], 500)), 600);
    assert_eq!(limit.debit(&transmit(1, &zeros, 1200)), 0);
}

#[test]
fn bytes_that_came_long_ago_allow_no_flood() {
    let limit = AmplificationLimit::new();
    (0..1_000).for_each(|_| assert!(limit.credit(address(1), 60_000).is_none()));
    let zeros = vec![0; 2 * CREDIT_MAX];
    assert_eq!(limit.debit(&transmit(1, &zeros, 1)), CREDIT_MAX);
    assert_eq!(limit.debit(&transmit(1, &zeros, 1)), 0);
}

#[test]
fn a_datagram_that_is_held_is_sent_once_when_enough_has_come() {
    let limit = AmplificationLimit::new();
    let came = |bytes| limit.credit(address(1), bytes).map(|held| held.contents);
    limit.hold(&transmit(1, &[0; 3000], 1400));
    for contents in [[1; 1200], [2; 1200]] {
        limit.hold(&transmit(1, &contents, 1200));
    }
    // MTU probes.
    limit.hold(&transmit(1, &[3; 1326], 1326));
    limit.hold(&transmit(1, &[3; HELD_BYTES_MAX + 1], 9000));
    limit.hold(&transmit(2, &[4; 1200], 1200));
    assert_eq!([came(35), came(70), came(294)], [None, None, None]);
    assert_eq!(came(1), Some([2; 1200].into()));
    assert_eq!(came(400), None);
    assert_eq!(limit.debit(&transmit(1, &[0; 1201], 1201)), 0, "the held datagram counts");
    assert_eq!(limit.debit(&transmit(1, &[0; 1200], 1200)), 1200);
}

#[test]
fn many_addresses_leave_a_later_one_its_credit() {
    let limit = AmplificationLimit::new();
    let addresses = (0..=2 * ADDRESSES).map(|number| {
        let bytes = u32::try_from(number).unwrap().to_be_bytes();
        SocketAddr::from((bytes, 4433))
    });
    addresses.for_each(|address| assert!(limit.credit(address, 1200).is_none()));
    limit.credit(address(1), 1200);
    assert_eq!(limit.debit(&transmit(1, &[0; 3600], 3600)), 3600);
    let first = SocketAddr::from(([0; 4], 4433));
    let forgotten = Transmit { destination: first, ..transmit(1, &[0; 1], 1) };
    assert_eq!(limit.debit(&forgotten), 0);
}
