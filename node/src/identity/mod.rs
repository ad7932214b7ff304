//! The certificate and the private key of the server: their files, their rotation, and the identity in use.

mod certificate;
mod certificate_fields;
mod current;
mod error;
mod pem_file;
mod rotation;
mod server_identity;

pub(crate) use current::CurrentIdentity;
pub use error::{IdentityError, MakeError};
pub use rotation::{PreparedKey, Rotation};
pub use server_identity::{Identity, IdentityFiles};
