//! The application error codes of QUIC (RFC 9000, section 20.2) that both sides use: why a stream was
//! reset or stopped, or a connection closed.

/// The side that closes has all that it wanted.
pub const GOODBYE: u32 = 0;

/// The request on this stream is no valid frame.
pub const BAD_REQUEST: u32 = 1;

/// No command waits for this file.
pub const UNEXPECTED_STREAM: u32 = 2;

/// The file cannot be read, written or sent any further.
pub const TRANSFER_FAILED: u32 = 3;

/// The server shuts down; another one may start in its place.
pub const SHUTTING_DOWN: u32 = 4;

/// The peer took longer than it may.
pub const TOO_SLOW: u32 = 5;
