//! The fuzz targets of the store: random changes and queries, and damaged records.

mod damage;
mod queries;

use super::change_generator::ChangeGenerator;
use super::disk_faults::disk::SimulatedDisk;
use super::disk_faults::disk_store::{DiskStore, difference};
use super::possible_states::PossibleStates;
use super::random::Random;

const CACHE_BYTES: usize = 1024 * 1024;

/// The most changes of one input, so that no input takes long.
const STEPS_MAX: u64 = 60;

/// The bytes of an input that choose queries. The other bytes choose changes.
const QUERY_BYTES: usize = 48;

/// Makes changes and runs queries. All outcomes and answers must be those of the model.
pub(crate) fn changes(input: &[u8]) {
    let (queries, changes) = input.split_at(input.len().min(QUERY_BYTES));
    let disk = SimulatedDisk::with_empty_store();
    let mut generator = ChangeGenerator::new(tape(changes));
    let mut states = PossibleStates::new();
    let disk_store = DiskStore::start(&disk, CACHE_BYTES).unwrap();
    let mut made = 0;
    while made < STEPS_MAX && !generator.random.is_spent() {
        let count = generator.random.within(1..8);
        made += count;
        let steps = generator.steps(count, states.model());
        assert!(states.commit(&disk_store, &steps), "an error without a fault of the disk");
    }
    let model = states.model();
    assert_eq!(difference(&disk_store.rows().unwrap(), &model.rows()), None);
    wait_for(queries::run(tape(queries), model, &disk_store.into_store()));
}

/// Damages a record of a store with rows of every kind. A query may return an error or another record, but nothing
/// panics.
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
mod tests;
