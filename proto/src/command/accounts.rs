//! Accounts, signing in and out, and the list of users.

use serde::{Deserialize, Serialize};

use crate::bounded_vec::BoundedVec;
use crate::ids::{ClientId, SessionToken};
use crate::limits::PAGE_ITEMS_MAX;
use crate::names::UserName;
use crate::text::Password;

/// An answer without content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done;

/// Makes an account; see [`Request::Register`](crate::Request::Register).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Register {
    /// Makes the command repeatable.
    pub id: ClientId,
    /// The name of the account.
    pub user: UserName,
    /// The password of the account.
    pub password: Password,
}

/// The account exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registered {
    /// The name of the account.
    pub user: UserName,
}

/// Signs in; see [`Request::Login`](crate::Request::Login).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// The account.
    pub user: UserName,
    /// The password of the account.
    pub password: Password,
}

/// The connection is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedIn {
    /// The user.
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
    /// The user.
    pub user: UserName,
}

/// Signs out; see [`Request::Logout`](crate::Request::Logout).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logout;

/// Lists users in the order of their names; see [`Request::Users`](crate::Request::Users).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Users {
    /// Only names after this one, the `next` of the previous page.
    pub after: Option<UserName>,
}

/// A user in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The name of the user.
    pub name: UserName,
    /// Whether the user is online.
    pub online: bool,
}

/// Part of a list of users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserPage {
    /// The users, in the order of their names.
    pub users: BoundedVec<User, PAGE_ITEMS_MAX>,
    /// The start of the next page, if there is one.
    pub next: Option<UserName>,
}
