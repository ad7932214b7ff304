//! What a fuzzer chooses: changes and questions by several people, and records that a disk has damaged.

mod damage;
mod questions;

use super::disk::Disk;
use super::ledger::Ledger;
use super::machine::{Machine, difference};
use super::random::Random;
use super::scenario::Scenario;

const CACHE_BYTES: usize = 1024 * 1024;

/// How many changes are made at the most, so that no input takes long.
const STEPS_MAX: u64 = 60;

/// How many bytes of an input choose questions; the others choose changes.
const QUESTIONS: usize = 48;

/// Makes changes, and asks questions: what is answered is what the model answers.
pub(crate) fn changes(input: &[u8]) {
    let (questions, changes) = input.split_at(input.len().min(QUESTIONS));
    let disk = Disk::with_empty_store();
    let mut scenario = Scenario::new(tape(changes));
    let mut ledger = Ledger::new();
    let machine = Machine::start(&disk, CACHE_BYTES).unwrap();
    let mut made = 0;
    while made < STEPS_MAX && !scenario.random.is_spent() {
        let count = scenario.random.within(1..8);
        made += count;
        let steps = scenario.steps(count, ledger.world());
        assert!(ledger.commit(&machine, &steps), "a disk without faults, and a fault");
    }
    let world = ledger.world();
    assert_eq!(difference(&machine.rows().unwrap(), &world.rows()), None);
    wait_for(questions::ask(tape(questions), world, &machine.into_store()));
}

/// Damages a record of a store in which much has happened: it may be told as a fault or be taken for
/// another one, and nothing panics.
pub(crate) fn records(input: &[u8]) {
    damage::check_decoded(input);
    wait_for(damage::check_store(input));
}

fn tape(bytes: &[u8]) -> Random {
    Random::Tape(bytes.iter().copied().collect())
}

fn wait_for<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus;

    #[test]
    fn the_corpus_of_changes_is_done_as_the_model_does_it() {
        let inputs = corpus::read(include_str!("../../../../fuzz/corpus/store.txt"));
        assert!(inputs.len() > 20);
        inputs.iter().for_each(|input| changes(input));
    }

    #[test]
    fn the_corpus_of_damaged_records_is_a_fault_at_the_most() {
        let inputs = corpus::read(include_str!("../../../../fuzz/corpus/records.txt"));
        assert!(inputs.len() > 20);
        inputs.iter().for_each(|input| records(input));
    }
}
