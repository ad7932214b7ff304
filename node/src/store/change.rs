//! The trait of all changes, and the checks that several of them share.

use qchat_proto::{ClientId, GroupName, Refusal, UserName};

use crate::store::interface::{Needs, Read, Stop, Table, Write};
use crate::store::notification::Notification;
use crate::store::permission::{Action, permit};
use crate::store::schema::keys;
use crate::store::schema::records::{CommandEffect, GroupRecord};
use crate::store::schema::rows;

/// Why a change was not applied. A refused change has written nothing.
#[derive(Debug)]
pub(crate) enum ApplyError {
    /// The change is not allowed.
    Refused(Refusal),
    /// The change cannot run to its end; the writer undoes it.
    Stopped(Stop),
}

impl From<Refusal> for ApplyError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl<E: Into<Stop>> From<E> for ApplyError {
    fn from(stop: E) -> Self {
        Self::Stopped(stop.into())
    }
}

/// A change of the store: a function of its own fields and of the tables.
pub(crate) trait Change: Send + 'static {
    /// The answer to the command, once the change is durable.
    type Outcome: Send + 'static;

    /// Makes the change, or refuses it and writes nothing. The writer may call this again after an aborted
    /// transaction.
    fn apply(&self, tables: &mut dyn Write) -> Result<Self::Outcome, ApplyError>;

    /// The bytes of text that the change adds.
    fn bytes(&self) -> usize {
        0
    }

    /// Whether the change removes more than it adds, so that a full disk is no reason to refuse it.
    fn frees_space(&self) -> bool {
        false
    }

    /// The rows that the change will touch, as far as its fields tell. A wrong hint costs time, never the truth.
    #[cfg_attr(not(feature = "cluster"), expect(dead_code, reason = "redb reads no hints"))]
    fn needs(&self) -> Needs {
        Needs::default()
    }

    /// The notifications to send once the change is durable.
    fn notifications(&self, _: &Self::Outcome) -> Vec<Notification> {
        Vec::new()
    }
}

/// The recorded effect of an earlier command with this id.
pub(super) fn earlier_effect(
    tables: &mut dyn Read,
    user: &UserName,
    id: ClientId,
) -> Result<Option<CommandEffect>, ApplyError> {
    let key = keys::effect(user, id);
    Ok(rows::find(tables, Table::Effects, &key, "request")?)
}

/// Records the effect of a repeatable command for ever: a repetition may come at any time.
pub(super) fn record_effect(
    tables: &mut dyn Write,
    user: &UserName,
    id: ClientId,
    effect: &CommandEffect,
) -> Result<(), ApplyError> {
    Ok(rows::put(tables, Table::Effects, &keys::effect(user, id), effect)?)
}

/// Refuses a change that `user` may not make.
pub(super) fn check(
    tables: &mut dyn Read,
    user: &UserName,
    action: Action<'_>,
) -> Result<(), ApplyError> {
    Ok(permit(tables, user, action)??)
}

/// The record of a group, or the refusal that there is no such group.
pub(super) fn group(tables: &mut dyn Read, name: &GroupName) -> Result<GroupRecord, ApplyError> {
    let found = rows::find(tables, Table::Groups, keys::name(name.as_str()), "group")?;
    found.ok_or_else(|| Refusal::GroupNotFound(name.clone()).into())
}
