use super::*;

fn started(name: &str, size: u64) -> TransferEvent {
    TransferEvent::Started { name: name.into(), size }
}

#[test]
fn a_try_begins_anew_and_several_files_add_up() {
    let meter = ProgressMeter::default();
    assert_eq!((meter.read().percent(), meter.read().rate()), (0, None));
    meter.hear(&started("a", 10));
    meter.hear(&TransferEvent::Moved { bytes: 4 });
    assert_eq!(meter.read().percent(), 40);
    meter.hear(&started("a", 8));
    meter.hear(&TransferEvent::Kept { bytes: 1 });
    meter.hear(&TransferEvent::Moved { bytes: 1 });
    assert_eq!((meter.read().done, meter.read().percent()), (2, 25));
    meter.expect_many(2, 30);
    meter.begin_file("a", 0);
    meter.hear(&started("a", 10));
    meter.hear(&TransferEvent::Moved { bytes: 10 });
    meter.begin_file("b", 10);
    meter.hear(&started("b", 20));
    meter.hear(&TransferEvent::Moved { bytes: 5 });
    let reading = meter.read();
    assert_eq!((reading.file, reading.done, reading.percent()), (Some((2, 2)), 15, 50));
}

#[test]
fn a_server_that_claims_more_than_there_can_be_is_no_trouble() {
    let meter = ProgressMeter::default();
    meter.expect_many(2, u64::MAX);
    meter.begin_file("a", u64::MAX);
    meter.hear(&TransferEvent::Kept { bytes: 1 });
    meter.hear(&TransferEvent::Moved { bytes: 1 });
    assert_eq!((meter.read().done, meter.read().percent()), (u64::MAX, 100));
}

#[test]
fn a_file_that_grows_is_never_more_than_whole() {
    let reading = Reading { done: u64::MAX, bytes: 1, ..Reading::default() };
    assert_eq!(reading.percent(), 100);
    assert_eq!(Reading { done: 0, bytes: 0, ..Reading::default() }.percent(), 0);
}
