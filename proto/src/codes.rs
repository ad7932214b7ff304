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

/// Nobody has signed in on this connection for as long as that may take. Another one can be made at any
/// time.
pub const NOBODY_SIGNED_IN: u32 = 6;

/// Too much came on this connection that is no request.
pub const MISBEHAVED: u32 = 7;

/// The server has as many connections as it takes, or as many as it takes from this address.
pub const FULL: u32 = 8;
