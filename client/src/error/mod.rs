//! Errors, grouped by the remedy that the caller has.
//!
//! Each text is complete, its cause included, since people read it as it is. So no error offers its cause a
//! second time as `source()`.

mod call;
mod connect;

pub use call::{CallError, DamagedError, LocalFileReason, NoAnswer};
pub use connect::{ConnectError, DifferentKeys, IdentityError, PinError};

/// The text of an error in one line. It may hold words of the other side, which must not break lines.
pub(crate) fn in_one_line(error: &impl std::fmt::Display) -> String {
    error.to_string().replace(['\r', '\n'], " ")
}
