use super::*;
use crate::corpus;

#[test]
fn the_corpus_of_kept_files_is_understood_or_refused() {
    let inputs = corpus::read(include_str!("../../../fuzz/corpus/client.txt"));
    assert!(inputs.len() > 20);
    inputs.iter().for_each(|input| kept(input));
}
