use super::*;

fn sender(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

/// Puts a batch of datagrams of this length, the last of which may be shorter.
fn put(queue: &mut FairQueue, port: u16, bytes: &[u8], stride: usize) -> bool {
    let mut meta = RecvMeta::default();
    (meta.addr, meta.stride, meta.len) = (sender(port), stride, bytes.len());
    queue.put(meta, bytes)
}

fn next(queue: &mut FairQueue) -> Option<(u16, Vec<u8>)> {
    queue.next(|meta, bytes| (meta.addr.port(), bytes.to_vec()))
}

/// Puts datagrams of one byte until there is no room. Returns the number of datagrams.
fn fill(queue: &mut FairQueue, port: u16) -> usize {
    std::iter::repeat_with(|| put(queue, port, b"x", 1)).take_while(|was_put| *was_put).count()
}

#[test]
fn datagrams_of_one_sender_are_handed_on_one_by_one_and_in_order() {
    let mut queue = FairQueue::default();
    for batch in [&b"aaaabbbbcc"[..], b"dddd"] {
        assert!(put(&mut queue, 1, batch, 4));
    }
    // A batch is in memory until its last datagram is handed on.
    let (both, one) = (cost_of(10, 4) + cost_of(4, 4), cost_of(4, 4));
    let kept = [(&b"aaaa"[..], both), (b"bbbb", both), (b"cc", one), (b"dddd", 0)];
    for (datagram, cost) in kept {
        assert_eq!(next(&mut queue), Some((1, datagram.to_vec())));
        assert_eq!(queue.cost, cost);
    }
    assert_eq!(next(&mut queue), None);
    assert!(queue.senders.is_empty() && queue.cost == 0, "{queue:?}");
}

#[test]
fn a_sparse_sender_waits_for_two_rounds_of_a_busy_one() {
    let mut queue = FairQueue::default();
    fill(&mut queue, 1);
    next(&mut queue);
    assert!(put(&mut queue, 2, b"hello", 5));
    let before = std::iter::from_fn(|| next(&mut queue)).take_while(|(port, _)| *port == 1);
    assert!(before.count() <= 2 * ROUND_COST / DATAGRAM_COST);
}

#[test]
fn new_senders_with_each_datagram_keep_no_other_out() {
    let mut queue = FairQueue::default();
    fill(&mut queue, 1);
    next(&mut queue);
    // From 2 on, each port's first datagram comes when the datagram before it is handed on.
    let mut newcomers = 2..;
    let ports = (0..1_000).map(|_| {
        put(&mut queue, newcomers.next().unwrap(), b"y", 1);
        next(&mut queue).unwrap().0
    });
    let of_persistent = ports.filter(|port| *port == 1).count();
    assert!(of_persistent > 900, "{of_persistent} of 1,000");
}

#[test]
fn busy_senders_share_the_room_and_leave_some() {
    let mut queue = FairQueue::default();
    let first = fill(&mut queue, 1);
    assert_eq!(first, COST_MAX / cost_of(1, 1) / 2);
    let others: usize = (2..=10).map(|port| fill(&mut queue, port)).sum();
    assert!(queue.cost <= COST_MAX);
    assert!(put(&mut queue, 11, b"hello", 5), "there is room for one more");
    assert_eq!(std::iter::from_fn(|| next(&mut queue)).count(), first + others + 1);
    assert_eq!(queue.cost, 0);
    assert_eq!(fill(&mut queue, 1), first, "the room is free again");
}

#[test]
fn an_empty_datagram_takes_no_room() {
    let mut queue = FairQueue::default();
    assert!(!put(&mut queue, 1, b"", 1));
    assert!(queue.senders.is_empty() && next(&mut queue).is_none());
}
