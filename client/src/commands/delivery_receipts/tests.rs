use super::*;

#[test]
fn unreported_messages_gather_in_bounded_ranges() {
    let unreported = Unreported::default();
    for number in [1, 2, 3, 7, 8] {
        unreported.add(&Log::Inbox, Sequence(number));
    }
    let ranges = |(first, last)| SequenceRange { first: Sequence(first), last: Sequence(last) };
    assert_eq!(
        unreported.take(),
        HashMap::from([(Log::Inbox, [(1, 3), (7, 8)].map(ranges).to_vec())])
    );
    for number in 0..2 * READ_RANGES_MAX + 2 {
        unreported.add(&Log::Inbox, Sequence(2 * u64::try_from(number).unwrap()));
    }
    assert_eq!(unreported.take()[&Log::Inbox].len(), READ_RANGES_MAX);
}
