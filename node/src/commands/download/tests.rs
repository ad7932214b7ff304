use super::*;

#[track_caller]
fn check(asked: &[(u64, u64)], expected: Option<&[Range<u64>]>) {
    let asked: Vec<_> = asked.iter().map(|&(first, count)| BlockRange { first, count }).collect();
    let found = runs(&asked, Layout::of(10 * 1024 * 1024 - 1));
    assert_eq!(found.as_deref(), expected, "{asked:?}");
}

#[test]
fn only_ascending_runs_of_the_files_own_blocks_are_handed_out() {
    check(&[], Some(&[]));
    check(&[(0, 5), (5, 5)], Some(&[0..5, 5..10]));
    check(&[(0, 1), (1, 2), (9, 1)], Some(&[0..1, 1..3, 9..10]));
    check(&[(0, 11)], None);
    check(&[(10, 1)], None);
    check(&[(3, 0)], None);
    check(&[(0, 2), (1, 1)], None);
    check(&[(5, 1), (0, 1)], None);
    check(&[(u64::MAX, 2)], None);
    check(&[(0, u64::MAX)], None);
}
