//! What the fuzzers throw bytes at. Their corpora, in `fuzz/corpus`, are replayed by the tests of the store.

/// Makes the changes that the bytes choose, asks the questions that they choose, and holds all of it against
/// a model.
///
/// # Panics
/// Where the store is not what the model is.
pub fn changes(input: &[u8]) {
    crate::store::tests::fuzzed::changes(input);
}

/// Puts the bytes in the place of a record, then asks and changes what there is to ask and to change.
///
/// # Panics
/// Where that is more than a fault or a wrong answer.
pub fn records(input: &[u8]) {
    crate::store::tests::fuzzed::records(input);
}
