//! The state of a connection that admission counts by.

/// Whether somebody is signed in on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum AuthState {
    /// Nobody is signed in.
    #[default]
    SignedOut,
    /// Somebody is signed in.
    SignedIn,
}
