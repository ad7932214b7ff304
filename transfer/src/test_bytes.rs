//! Bytes for tests and the fuzzer.

/// Pseudorandom bytes, the same in each run.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().finalize_xof().fill(&mut bytes);
    bytes
}
