//! Random changes to a store, compared with a simple model in memory.

use super::change_generator::ChangeGenerator;
use super::disk_faults::disk::SimulatedDisk;
use super::disk_faults::disk_store::{DiskStore, difference};
use super::possible_states::PossibleStates;
use super::random::{Random, run_seeds, setting};

const CASES: u64 = 2000;
const STEPS: u64 = 50;
const CACHE_BYTES: usize = 1024 * 1024;

#[test]
fn a_store_behaves_as_its_model_also_after_crashes() {
    let cases = setting("QCHAT_MODEL_CASES", CASES);
    run_seeds(|seed| seed >= cases, case);
}

fn case(random: Random) {
    let disk = SimulatedDisk::with_empty_store();
    let mut generator = ChangeGenerator::new(random);
    let mut states = PossibleStates::new();
    let mut disk_store = DiskStore::start(&disk, CACHE_BYTES).unwrap();
    let mut made = 0;
    while made < STEPS {
        let count = generator.random.within(1..10).min(STEPS - made);
        made += count;
        let steps = generator.steps(count, states.model());
        assert!(states.commit(&disk_store, &steps), "an error without a fault of the disk");
        if made == STEPS || generator.random.once_in(4) {
            disk_store = crashed(disk_store, &disk, &mut generator.random);
            let found = disk_store.rows().unwrap();
            assert_eq!(difference(&found, &states.model().rows()), None);
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(states.model().check_queries(&disk_store.into_store()));
}

/// The store after a close, a power cut, or a kill.
fn crashed(disk_store: DiskStore, disk: &SimulatedDisk, random: &mut Random) -> DiskStore {
    match random.within(0..4) {
        0 => drop(disk_store),
        1 => disk.cut_power(random),
        _ => disk.kill(),
    }
    // The old store is dropped after the new one is open, and its calls to the disk fail.
    DiskStore::start(disk, CACHE_BYTES).unwrap()
}
