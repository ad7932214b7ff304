//! What can be changed. Each change is data that its handler made, stamped with time, ids and hashes;
//! applying it checks everything, also permission, before it writes anything.

mod accounts;
mod files;
mod groups;
mod messages;
mod receipts;
mod sessions;

pub(crate) use crate::store::changes::messages::{Content, Post};
pub(crate) use crate::store::changes::receipts::{Mark, MarkMessages};
pub(crate) use accounts::{ByPassword, ChangePassword, CreateAccount};
pub(crate) use files::ExpireFiles;
pub(crate) use groups::{CreateGroup, JoinGroup, LeaveGroup};
use qchat_proto::{ClientId, GroupName, Refusal, UserName};
pub(crate) use sessions::{EndSessions, StartSession, UseSession, Which};

use super::error::StoreError;
use super::notification::Notification;
use super::permission::{Act, permit};
use super::records::{Effect, Group};
use super::tables::{self, Tables};

/// Why a change was not applied. A refused change has written nothing.
#[derive(Debug)]
pub(crate) enum ApplyError {
    /// It is not allowed.
    Refused(Refusal),
    /// The store failed; the whole transaction is given up.
    StoreError(StoreError),
}

impl From<Refusal> for ApplyError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl<E: Into<StoreError>> From<E> for ApplyError {
    fn from(fault: E) -> Self {
        Self::StoreError(fault.into())
    }
}

/// A change of the world: a function of its own fields and of the tables.
pub(crate) trait Change: Send + 'static {
    /// What the asker learns once the change is durable.
    type Outcome: Send + 'static;

    /// Makes the change, or refuses it and writes nothing. It may be called again after a transaction
    /// that was given up.
    fn apply(&self, tables: &mut Tables<'_>) -> Result<Self::Outcome, ApplyError>;

    /// How many bytes of text it brings.
    fn bytes(&self) -> usize {
        0
    }

    /// Whether it takes more from the store than it adds, so that a full disk is no reason to refuse it.
    fn makes_room(&self) -> bool {
        false
    }

    /// What others have to look at once the change is durable.
    fn notifications(&self, _: &Self::Outcome) -> Vec<Notification> {
        Vec::new()
    }
}

/// What the command with this id did when it came first.
fn earlier_effect(
    tables: &Tables<'_>,
    user: &UserName,
    id: ClientId,
) -> Result<Option<Effect>, ApplyError> {
    let key = tables::request(user, id);
    Ok(tables::lookup(&tables.requests, &key, "request")?)
}

/// Remembers for ever what a repeatable command did: a repetition may come at any time.
fn record_effect(
    tables: &mut Tables<'_>,
    user: &UserName,
    id: ClientId,
    effect: &Effect,
) -> Result<(), ApplyError> {
    Ok(tables::put(&mut tables.requests, &tables::request(user, id), effect)?)
}

/// Ends a change that `user` may not make.
fn check(tables: &Tables<'_>, user: &UserName, act: Act<'_>) -> Result<(), ApplyError> {
    Ok(permit(tables, user, act)??)
}

/// A group that was found to be there.
fn group(tables: &Tables<'_>, name: &GroupName) -> Result<Group, ApplyError> {
    let found = tables::lookup(&tables.groups, tables::name(name.as_str()), "group")?;
    found.ok_or_else(|| Refusal::GroupNotFound(name.clone()).into())
}
