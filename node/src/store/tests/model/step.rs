//! A change of any kind, as data.

use qchat_proto::{ClientId, Message, Refusal};

use crate::store::CommitError;
use crate::store::changes::{
    ByPassword, Change, ChangePassword, CreateAccount, CreateGroup, EndSessions, ExpireFiles,
    JoinGroup, LeaveGroup, MarkMessages, Post, StartSession, UseSession,
};
use crate::store::writer::{self, Job};

/// What a change that was made tells.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "few of them live at a time")]
pub(in super::super) enum Told {
    Nothing,
    Message(Message),
    Password(ByPassword),
}

/// What a change is answered with.
pub(in super::super) type Answer = Result<Told, CommitError>;

/// What a change should be answered with.
pub(in super::super) type Expected = Result<Told, Refusal>;

/// A change.
#[derive(Debug, Clone)]
pub(in super::super) enum Step {
    CreateAccount(CreateAccount),
    StartSession(StartSession),
    UseSession(UseSession),
    EndSessions(EndSessions),
    ChangePassword(ChangePassword),
    Post(Post),
    CreateGroup(CreateGroup),
    JoinGroup(JoinGroup),
    LeaveGroup(LeaveGroup),
    MarkMessages(MarkMessages),
    ExpireFiles(ExpireFiles),
}

/// Takes the answer once it is there.
type Answered = Box<dyn FnOnce() -> Answer>;

impl Step {
    /// The change ready for a batch, and its answer afterwards.
    pub(in super::super) fn queued(&self) -> (Box<dyn Job>, Answered) {
        match self.clone() {
            Self::CreateAccount(change) => queued(change, Told::Password),
            Self::StartSession(change) => queued(change, Told::Password),
            Self::UseSession(change) => queued(change, |()| Told::Nothing),
            Self::EndSessions(change) => queued(change, |()| Told::Nothing),
            Self::ChangePassword(change) => queued(change, Told::Password),
            Self::Post(change) => queued(change, Told::Message),
            Self::CreateGroup(change) => queued(change, |_| Told::Nothing),
            Self::JoinGroup(change) => queued(change, |_| Told::Nothing),
            Self::LeaveGroup(change) => queued(change, |()| Told::Nothing),
            Self::MarkMessages(change) => queued(change, |()| Told::Nothing),
            Self::ExpireFiles(change) => queued(change, |()| Told::Nothing),
        }
    }

    /// The same change under another id, where it has one.
    pub(in super::super) fn with_id(mut self, new: ClientId) -> Self {
        match &mut self {
            Self::CreateAccount(CreateAccount { id, .. })
            | Self::ChangePassword(ChangePassword { id, .. })
            | Self::Post(Post { id, .. })
            | Self::CreateGroup(CreateGroup { id, .. }) => *id = new,
            _ => {}
        }
        self
    }
}

fn queued<C: Change>(change: C, told: fn(C::Outcome) -> Told) -> (Box<dyn Job>, Answered) {
    let (job, mut answered) = writer::queued(change);
    let answer = move || answered.try_recv().expect("a batch answers every change").map(told);
    (job, Box::new(answer))
}
