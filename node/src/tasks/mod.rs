//! Work that runs beside the connections for as long as the server does.

pub(crate) mod abandoned_uploads;
pub(crate) mod cleanup;
pub(crate) mod expiry_warning;
mod reload;
#[cfg(feature = "cluster")]
mod stored_objects;

pub use reload::Reload;
