use qchat_proto::limits::MESSAGE_BYTES_MAX;

use super::*;
use crate::limits::TOKENS_PER_SECOND;

#[test]
fn a_command_costs_more_if_it_reaches_many() {
    assert_eq!((of_watchers(0), of_watchers(15), of_watchers(1000)), (0, 0, 62));
    assert_eq!((of_watchers(usize::MAX), of_text(100)), (WATCHERS_COST_MAX, 0));
    assert_eq!((of_text(16 * 1024), of_answer(16 * 1024)), (4, 1));
    assert_eq!((of_rows(127), of_rows(50_000), of_rows(usize::MAX)), (0, 390, u32::MAX));
    assert_eq!((uncharged_rows(127), uncharged_rows(130)), (127, 2));
    // All commands that a connection can have waiting are answered before its client gives up.
    let highest = 1 + WATCHERS_COST_MAX + of_text(MESSAGE_BYTES_MAX);
    assert!(64 * highest < 10 * TOKENS_PER_SECOND.get());
}
