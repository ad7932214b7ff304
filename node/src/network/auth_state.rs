//! Whether somebody is signed in on a connection: admission counts the two kinds apart.

/// Whether somebody is signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum AuthState {
    /// Nobody is.
    #[default]
    SignedOut,
    /// Somebody is.
    SignedIn,
}
