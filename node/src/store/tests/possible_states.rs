//! The states that a store may have, given the outcomes that it has sent.

use qchat_proto::Refusal;

use super::disk_faults::disk_store::{DiskStore, TableContents, difference};
use super::model::{Answer, Expected, Model, Step};
use crate::store::{CommitError, full_disk_refusal};

/// No change was without an outcome.
pub(super) const ALL_ANSWERED: &str = "all changes were answered";
/// The changes without an outcome were not made.
pub(super) const NOT_THERE: &str = "the changes without an answer are not there";
/// Some of the changes without an outcome were made.
pub(super) const THERE: &str = "the changes without an answer are there";

/// The possible states of a store. If all changes have an outcome, there is one. After a batch without outcomes there
/// are several, one for each prefix of the batch.
#[derive(Debug)]
pub(super) struct PossibleStates {
    possible: Vec<Model>,
    /// The changes without an outcome, for a repetition.
    pub(super) unanswered: Vec<Step>,
}

impl PossibleStates {
    /// The state of a new store.
    pub(super) fn new() -> Self {
        Self { possible: vec![Model::default()], unanswered: Vec::new() }
    }

    /// The state, if only one is possible.
    pub(super) fn model(&self) -> &Model {
        let [model] = self.possible.as_slice() else { panic!("several states are possible") };
        model
    }

    /// Makes changes, and compares each outcome with that of the model. Returns whether all have an outcome.
    pub(super) fn commit(&mut self, disk_store: &DiskStore, steps: &[Step]) -> bool {
        let mut models = vec![self.model().clone()];
        let mut expected = Vec::new();
        for step in steps {
            let mut model = models.last().unwrap().clone();
            expected.push(model.apply(step));
            models.push(model);
        }
        let answers = disk_store.commit(steps);
        let (answered, possible) = answered_and_possible(&answers, &expected, steps);
        self.possible = models[answered..=possible].to_vec();
        self.unanswered = steps[answered..].to_vec();
        answered == steps.len()
    }

    /// Finds the possible state that equals the contents of the store. There must be one: all changes with an
    /// outcome are there, and every other change is there completely or not at all. Returns the fate of the others.
    pub(super) fn identify(&mut self, found: &TableContents) -> &'static str {
        let differences: Vec<_> =
            self.possible.iter().map(|model| difference(found, &model.rows())).collect();
        let model = differences.iter().position(Option::is_none);
        let model = model.unwrap_or_else(|| panic!("no possible state: {differences:#?}"));
        let fate = match (self.unanswered.len(), model) {
            (0, _) => ALL_ANSWERED,
            (_, 0) => NOT_THERE,
            _ => THERE,
        };
        self.possible = vec![self.possible.swap_remove(model)];
        fate
    }
}

/// The number of changes in a batch that were certainly made, and the number that may have been made. A change that
/// failed was not made, and neither were those after it.
fn answered_and_possible(
    answers: &[Answer],
    expected: &[Expected],
    steps: &[Step],
) -> (usize, usize) {
    // This refusal reports a disk that became full during the batch, which is a failure here.
    let is_refusal = |refusal: &Refusal| *refusal != full_disk_refusal();
    let is_answered = |answer: &Answer| match answer {
        Ok(_) => true,
        Err(CommitError::Refused(refusal)) => is_refusal(refusal),
        Err(_) => false,
    };
    let is_unknown = |answer: &Answer| matches!(answer, Err(CommitError::Unknown(_)));
    let answered = answers.iter().take_while(|answer| is_answered(answer)).count();
    let unknown = answers[answered..].iter().take_while(|answer| is_unknown(answer)).count();
    assert!(!answers[answered..].iter().any(is_answered), "an outcome after an error: {answers:?}");
    for ((answer, expected), step) in answers.iter().zip(expected).zip(steps).take(answered) {
        let answer = match answer {
            Ok(message) => Ok(message.clone()),
            Err(CommitError::Refused(refusal)) => Err(refusal.clone()),
            Err(error) => panic!("{error:?}"),
        };
        assert_eq!(&answer, expected, "{step:?}");
    }
    (answered, answered + unknown)
}
