//! The application error codes of QUIC (RFC 9000, section 20.2), with which both sides reset and stop
//! streams and close connections.

/// The side that closes needs the connection or the stream no more.
pub const GOODBYE: u32 = 0;

/// The request on this stream is not a valid frame.
pub const BAD_REQUEST: u32 = 1;

/// No command waits for this stream.
pub const UNEXPECTED_STREAM: u32 = 2;

/// Reading, writing or sending the file failed.
pub const TRANSFER_FAILED: u32 = 3;

/// The server shuts down. Another server may start at the same address.
pub const SHUTTING_DOWN: u32 = 4;

/// The peer exceeded a time limit.
pub const TOO_SLOW: u32 = 5;

/// Nobody has signed in on this connection within the time limit. The client may connect again at once.
pub const NOBODY_SIGNED_IN: u32 = 6;

/// Too many streams of this connection were not valid requests.
pub const MISBEHAVED: u32 = 7;

/// The server has reached its limit of connections, in total or for this address.
pub const FULL: u32 = 8;
