//! The QUIC settings and mechanisms that client and server share.
//!
//! [`transport`] sets acknowledgements, loss detection and packet sizes. [`congestion`] decides how many bytes may be in
//! flight. [`windows`] sizes the flow control windows. [`chat_priority`] lets chat use the send window before files.
//! [`silence`] detects a connection that receives nothing any more.

mod acknowledgements;
mod chat_priority;
mod congestion;
mod silence;
mod transport;
mod windows;

pub use silence::{SilenceChecks, until_silent};
pub use transport::configure_transport;
pub use windows::{
    ConnectionWindows, IncomingFile, OutgoingFile, WINDOW_BYTES_MAX, WINDOW_BYTES_MIN, WindowBudget,
};
