//! The entry points of the fuzzers. The tests of the store replay their corpora, which are in `fuzz/corpus`.

/// Decodes changes and queries from the bytes, runs them, and compares the store with a model.
///
/// # Panics
/// If the store and the model differ.
pub fn changes(input: &[u8]) {
    crate::store::tests::fuzzed::changes(input);
}

/// Replaces a record by the bytes, then runs every query and change.
///
/// # Panics
/// If the store does more than report an error or a wrong answer.
pub fn records(input: &[u8]) {
    crate::store::tests::fuzzed::records(input);
}
