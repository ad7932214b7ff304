//! From UDP packets to an admitted QUIC connection.
//!
//! [`endpoint`] binds the socket and sets the limits of QUIC; [`admission`] decides which connections may stay.

mod admission;
mod amplification;
mod auth_state;
pub(crate) mod endpoint;
pub(crate) mod endpoint_keys;
mod fair_queue;
mod ip_prefix;
mod path_validation;
mod recent_addresses;
mod udp_socket;

pub(crate) use admission::{Admission, ConnectionLimits, ConnectionSlot, Handshake, ServerFull};
pub(crate) use auth_state::AuthState;
pub use endpoint::EndpointError;
pub(crate) use path_validation::ValidatedPath;
