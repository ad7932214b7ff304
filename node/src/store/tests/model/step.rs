//! A change of any kind, as data.

use qchat_proto::{ClientId, Message, Refusal};

use crate::store::CommitError;
use crate::store::changes::{
    Change, CreateAccount, CreateGroup, EndSession, ExpireFiles, JoinGroup, LeaveGroup,
    MarkMessages, Post, StartSession, UseSession,
};
use crate::store::writer::{self, Job};

/// What a change is answered with; a message where it sent one.
pub(in super::super) type Answer = Result<Option<Message>, CommitError>;

/// What a change should be answered with.
pub(in super::super) type Expected = Result<Option<Message>, Refusal>;

/// A change.
#[derive(Debug, Clone)]
pub(in super::super) enum Step {
    CreateAccount(CreateAccount),
    StartSession(StartSession),
    UseSession(UseSession),
    EndSession(EndSession),
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
            Self::CreateAccount(change) => queued(change, |()| None),
            Self::StartSession(change) => queued(change, |()| None),
            Self::UseSession(change) => queued(change, |()| None),
            Self::EndSession(change) => queued(change, |()| None),
            Self::Post(change) => queued(change, Some),
            Self::CreateGroup(change) => queued(change, |()| None),
            Self::JoinGroup(change) => queued(change, |_| None),
            Self::LeaveGroup(change) => queued(change, |()| None),
            Self::MarkMessages(change) => queued(change, |()| None),
            Self::ExpireFiles(change) => queued(change, |()| None),
        }
    }

    /// The same change under another id, where it has one.
    pub(in super::super) fn with_id(mut self, new: ClientId) -> Self {
        match &mut self {
            Self::CreateAccount(CreateAccount { id, .. })
            | Self::Post(Post { id, .. })
            | Self::CreateGroup(CreateGroup { id, .. }) => *id = new,
            _ => {}
        }
        self
    }
}

fn queued<C: Change>(
    change: C,
    told: fn(C::Outcome) -> Option<Message>,
) -> (Box<dyn Job>, Answered) {
    let (job, mut answered) = writer::queued(change);
    let answer = move || answered.try_recv().expect("a batch answers every change").map(told);
    (job, Box::new(answer))
}
