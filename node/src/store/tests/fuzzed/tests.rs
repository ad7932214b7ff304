use super::*;
use crate::corpus;

#[test]
fn the_store_behaves_as_the_model_for_the_corpus_of_changes() {
    let inputs = corpus::read(include_str!("../../../../../fuzz/corpus/store.txt"));
    assert!(inputs.len() > 20);
    inputs.iter().for_each(|input| changes(input));
}

#[test]
fn the_corpus_of_damaged_records_causes_no_panic() {
    let inputs = corpus::read(include_str!("../../../../../fuzz/corpus/records.txt"));
    assert!(inputs.len() > 20);
    inputs.iter().for_each(|input| records(input));
}
