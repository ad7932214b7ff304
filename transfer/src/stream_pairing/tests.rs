use super::*;

#[tokio::test]
async fn a_stream_finds_its_command_and_no_other() {
    let pairing = StreamPairing::default();
    let mut waiting = pairing.expect(TransferId(1)).unwrap();
    assert!(pairing.expect(TransferId(1)).is_none());
    assert_eq!(pairing.deliver(TransferId(2), "two"), Err("two"));
    assert_eq!(pairing.deliver(TransferId(1), "one"), Ok(()));
    assert_eq!(waiting.stream().await, Some("one"));
}

#[tokio::test(start_paused = true)]
async fn a_stream_may_come_before_its_command() {
    let pairing = StreamPairing::default();
    let patience = Duration::from_secs(5);
    let expecting = async {
        drop(pairing.expect(TransferId(1)));
        pairing.expect(TransferId(2)).unwrap().stream().await
    };
    let (delivered, stream) =
        tokio::join!(pairing.deliver_within(patience, TransferId(2), "two"), expecting);
    assert_eq!((delivered, stream), (Ok(()), Some("two")));
    assert_eq!(pairing.deliver_within(patience, TransferId(3), "three").await, Err("three"));
}

#[test]
fn a_transfer_that_is_dropped_is_no_longer_expected() {
    let pairing = StreamPairing::default();
    drop(pairing.expect(TransferId(1)));
    assert_eq!(pairing.deliver(TransferId(1), ()), Err(()));
}
