//! The certificate and the key of the server, and how they change.

mod certificate;
mod certificate_fields;
mod current;
mod error;
mod pem_file;
mod rotation;
mod server_identity;

pub(crate) use current::CurrentIdentity;
pub use error::{IdentityError, MakeError};
pub use rotation::{NextKey, Rotation};
pub use server_identity::{Identity, IdentityFiles};
