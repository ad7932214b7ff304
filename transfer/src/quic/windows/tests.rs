use super::*;

const MEBIBYTE: u32 = 1024 * 1024;

#[test]
fn a_window_takes_bytes_beyond_the_small_one_from_the_budget() {
    let budget = WindowBudget::of_mebibytes(20);
    let left = || budget.0.available_permits();
    let [mut one, mut two] = [Window::default(), Window::default()];
    for (wanted, is_new, expected_left) in [
        (MEBIBYTE, false, 20),
        (MEBIBYTE + 1, true, 19),
        (2 * MEBIBYTE, true, 19),
        (WINDOW_BYTES_MAX, true, 5),
        (4 * MEBIBYTE - 9, true, 17),
        (WINDOW_BYTES_MAX, true, 5),
    ] {
        assert_eq!((one.resize(wanted, &budget), one.size), (is_new, wanted));
        assert_eq!(left(), expected_left, "{wanted}");
    }
    assert!(!two.resize(8 * MEBIBYTE, &budget), "more than is left");
    assert!(two.resize(6 * MEBIBYTE, &budget));
    assert_eq!(left(), 0);
    assert!(one.resize(SENDING_BYTES_MIN, &budget));
    assert_eq!(left(), 15);
    drop(two);
    assert_eq!(left(), 20);
}
