//! The house tests: real QUIC on port 0, temporary folders, the real program.
