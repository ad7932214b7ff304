use super::*;

#[test]
fn a_transfer_is_a_row() {
    let row = |number, direction, name: &str, state| TransferRow {
        number,
        direction,
        name: name.to_owned(),
        state,
    };
    let reading = Reading { file: Some((2, 12)), done: 512, bytes: 1024, ..Reading::default() };
    let rows = [
        row(1, TransferDirection::Fetch, "a\u{1b}b", TransferState::Ended("saved x/a".to_owned())),
        row(2, TransferDirection::Send, "film.mkv", TransferState::Moves(reading)),
        row(10, TransferDirection::Send, "b", TransferState::Waits(Reading::default())),
    ];
    let shown = "\
        1   fetch  ended                            a␛b: saved x/a\n\
        2   send   50 %   512 B of 1.00 KiB         film.mkv (2 of 12)\n\
        10  send   0 %    0 B of 0 B         waits  b\n";
    assert_eq!(transfers(&rows, None), shown);
}
