//! A change of any kind, as data.

use qchat_proto::{ClientId, Message, Refusal};

use crate::store::changes::{
    CreateAccount, CreateGroup, EndSessions, ExpireFiles, JoinGroup, LeaveGroup, MarkMessages,
    PasswordOutcome, Post, SetPassword, StartSession, UseSession,
};
use crate::store::job::{Job, job};
use crate::store::{Change, CommitError};

/// The outcome of any change that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "few of them live at a time")]
pub(in crate::store) enum StepOutcome {
    Nothing,
    Message(Message),
    Password(PasswordOutcome),
}

/// The result of a change.
pub(in crate::store) type Answer = Result<StepOutcome, CommitError>;

/// The expected result of a change.
pub(in crate::store) type Expected = Result<StepOutcome, Refusal>;

/// A change of any kind.
#[derive(Debug, Clone)]
pub(in crate::store) enum Step {
    CreateAccount(CreateAccount),
    StartSession(StartSession),
    UseSession(UseSession),
    EndSessions(EndSessions),
    SetPassword(SetPassword),
    Post(Post),
    CreateGroup(CreateGroup),
    JoinGroup(JoinGroup),
    LeaveGroup(LeaveGroup),
    MarkMessages(MarkMessages),
    ExpireFiles(ExpireFiles),
}

/// Returns the result of a change, once its batch was written.
type ReadAnswer = Box<dyn FnOnce() -> Answer>;

impl Step {
    /// A job for the change, and a function that returns its result.
    pub(in crate::store) fn queued(&self) -> (Box<dyn Job>, ReadAnswer) {
        match self.clone() {
            Self::CreateAccount(change) => queued(change, StepOutcome::Password),
            Self::StartSession(change) => queued(change, StepOutcome::Password),
            Self::UseSession(change) => queued(change, |()| StepOutcome::Nothing),
            Self::EndSessions(change) => queued(change, |()| StepOutcome::Nothing),
            Self::SetPassword(change) => queued(change, StepOutcome::Password),
            Self::Post(change) => queued(change, StepOutcome::Message),
            Self::CreateGroup(change) => queued(change, |_| StepOutcome::Nothing),
            Self::JoinGroup(change) => queued(change, |_| StepOutcome::Nothing),
            Self::LeaveGroup(change) => queued(change, |()| StepOutcome::Nothing),
            Self::MarkMessages(change) => queued(change, |()| StepOutcome::Nothing),
            Self::ExpireFiles(change) => queued(change, |()| StepOutcome::Nothing),
        }
    }

    /// The same change with another id, if it has one.
    pub(in crate::store) fn with_id(mut self, new: ClientId) -> Self {
        match &mut self {
            Self::CreateAccount(CreateAccount { id, .. })
            | Self::SetPassword(SetPassword { id, .. })
            | Self::Post(Post { id, .. })
            | Self::CreateGroup(CreateGroup { id, .. }) => *id = new,
            _ => {}
        }
        self
    }
}

fn queued<C: Change>(change: C, done: fn(C::Outcome) -> StepOutcome) -> (Box<dyn Job>, ReadAnswer) {
    let (job, mut answered) = job(change);
    let answer =
        move || answered.try_recv().expect("every change of a batch has an outcome").map(done);
    (job, Box::new(answer))
}
