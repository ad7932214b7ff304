//! Accounts, sessions, and who is here.

use serde::{Deserialize, Serialize};

use crate::bounded_vec::BoundedVec;
use crate::ids::{ClientId, SessionToken};
use crate::limits::PAGE_ITEMS_MAX;
use crate::names::UserName;
use crate::text::Password;

/// An answer without a content of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done;

/// Makes an account; see [`Request::Register`](crate::Request::Register).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Register {
    /// Makes it repeatable.
    pub id: ClientId,
    /// The account's name.
    pub user: UserName,
    /// Its password.
    pub password: Password,
}

/// The account exists now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registered {
    /// Its name.
    pub user: UserName,
}

/// Signs in; see [`Request::Login`](crate::Request::Login).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// The account.
    pub user: UserName,
    /// Its password.
    pub password: Password,
}

/// The connection is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedIn {
    /// As whom.
    pub user: UserName,
    /// Resumes this session on another connection.
    pub token: SessionToken,
}

/// Signs in again; see [`Request::Resume`](crate::Request::Resume).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// From an earlier [`SignedIn`].
    pub token: SessionToken,
}

/// The connection is signed in again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumed {
    /// As whom.
    pub user: UserName,
}

/// Signs out; see [`Request::Logout`](crate::Request::Logout).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logout;

/// Lists users in the order of their names; see [`Request::Users`](crate::Request::Users).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Users {
    /// Only those after this name: the last one of the page before.
    pub after: Option<UserName>,
}

/// A user in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The name.
    pub name: UserName,
    /// Whether the user is connected.
    pub online: bool,
}

/// Part of a list of users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserPage {
    /// In the order of their names.
    pub users: BoundedVec<User, PAGE_ITEMS_MAX>,
    /// Where the next page starts, if there is one.
    pub next: Option<UserName>,
}
