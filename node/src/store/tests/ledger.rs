//! What was promised: the worlds that a store may hold, from what it answered.

use qchat_proto::Refusal;

use super::machine::{Machine, Rows, difference};
use super::model::{Answer, Expected, Model, Step};
use crate::store::CommitError;
use crate::store::free_space::FreeSpaceNow;

/// What became of the changes that were not answered: there were none.
pub(super) const ALL_ANSWERED: &str = "all changes were answered";
/// They did not happen.
pub(super) const NOT_THERE: &str = "the changes without an answer are not there";
/// They happened.
pub(super) const THERE: &str = "the changes without an answer are there";

/// What a client knows about a store. One world is possible where everything was answered; after a
/// batch without an answer there are several, one for each beginning of the batch.
#[derive(Debug)]
pub(super) struct Ledger {
    possible: Vec<Model>,
    /// The changes that were not answered, for asking again.
    pub(super) unanswered: Vec<Step>,
}

impl Ledger {
    /// Of a new store.
    pub(super) fn new() -> Self {
        Self { possible: vec![Model::default()], unanswered: Vec::new() }
    }

    /// The world, where it is certain.
    pub(super) fn world(&self) -> &Model {
        let [world] = self.possible.as_slice() else { panic!("the world is not known") };
        world
    }

    /// Makes changes, and holds each answer against what it should be. Whether all were answered.
    pub(super) fn commit(&mut self, machine: &Machine, steps: &[Step]) -> bool {
        let mut worlds = vec![self.world().clone()];
        let mut expected = Vec::new();
        for step in steps {
            let mut world = worlds.last().unwrap().clone();
            expected.push(world.apply(step));
            worlds.push(world);
        }
        let answers = machine.commit(steps);
        let (answered, possible) = known(&answers, &expected, steps);
        self.possible = worlds[answered..=possible].to_vec();
        self.unanswered = steps[answered..].to_vec();
        answered == steps.len()
    }

    /// Which of the possible worlds a store holds. There must be one: with everything that was
    /// answered, and every other change whole or not at all. Tells what became of those.
    pub(super) fn recognise(&mut self, found: &Rows) -> &'static str {
        let differences: Vec<_> =
            self.possible.iter().map(|world| difference(found, &world.rows())).collect();
        let world = differences.iter().position(Option::is_none);
        let world = world.unwrap_or_else(|| panic!("no possible world: {differences:#?}"));
        let fate = match (self.unanswered.len(), world) {
            (0, _) => ALL_ANSWERED,
            (_, 0) => NOT_THERE,
            _ => THERE,
        };
        self.possible = vec![self.possible.swap_remove(world)];
        fate
    }
}

/// How many changes of a batch happened for certain, and how many at the most. One that failed did
/// not happen, and neither did those after it.
fn known(answers: &[Answer], expected: &[Expected], steps: &[Step]) -> (usize, usize) {
    // A disk that was found full in the middle is told as that, and is a failure here.
    let is_refusal = |refusal: &Refusal| *refusal != FreeSpaceNow::found_full();
    let is_answered = |answer: &Answer| match answer {
        Ok(_) => true,
        Err(CommitError::Refused(refusal)) => is_refusal(refusal),
        Err(_) => false,
    };
    let is_unknown = |answer: &Answer| matches!(answer, Err(CommitError::Unknown(_)));
    let answered = answers.iter().take_while(|answer| is_answered(answer)).count();
    let unknown = answers[answered..].iter().take_while(|answer| is_unknown(answer)).count();
    assert!(!answers[answered..].iter().any(is_answered), "an answer after a fault: {answers:?}");
    for ((answer, expected), step) in answers.iter().zip(expected).zip(steps).take(answered) {
        let answer = match answer {
            Ok(message) => Ok(message.clone()),
            Err(CommitError::Refused(refusal)) => Err(refusal.clone()),
            Err(fault) => panic!("{fault:?}"),
        };
        assert_eq!(&answer, expected, "{step:?}");
    }
    (answered, answered + unknown)
}
