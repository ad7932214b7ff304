use super::*;
use crate::corpus;

#[test]
fn the_corpus_of_streams_writes_nothing_wrong() {
    let inputs = corpus::read(include_str!("../../../fuzz/corpus/transfer.txt"));
    assert!(inputs.len() > 20);
    inputs.iter().for_each(|input| stream(input));
}
