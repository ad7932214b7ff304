//! Power cuts at any call to the disk, also while the store is opened after the last cut.
//!
//! Synced writes survive. Each later write survives, is lost, or is torn, independently of the others. In every case
//! the store opens, all changes with an outcome are there, and each other change is there completely or not at all.

use super::disk::{Fault, SimulatedDisk};
use super::disk_store::DiskStore;
use super::outcome_counts::OutcomeCounts;
use crate::store::tests::change_generator::ChangeGenerator;
use crate::store::tests::possible_states::{ALL_ANSWERED, NOT_THERE, PossibleStates, THERE};
use crate::store::tests::random::{Random, run_seeds, setting};

/// The number of power cuts in an ordinary run, unless QCHAT_POWER_CUTS is set.
const CUTS: u64 = 3000;

/// The number of times that each store is stopped.
const STOPS_OF_STORE: u64 = 16;

const CUT: &str = "power cut";
const KILLED: &str = "killed";
const OPENING: &str = "stopped while the store was opened";
const SERVING: &str = "stopped between a change and its answer";
const CLOSING: &str = "stopped while the store was closed";
const CLOSED: &str = "stopped when the store was closed";

#[test]
fn no_answered_change_is_lost_and_no_change_is_partly_there() {
    let (wanted, counts) = (setting("QCHAT_POWER_CUTS", CUTS), OutcomeCounts::default());
    run_seeds(|_| counts.of(CUT) >= wanted, |random| stop_repeatedly(random, &counts));
    if counts.of(CUT) < wanted {
        return; // A single seed does not reach every event.
    }
    counts.check(&[KILLED, OPENING, SERVING, CLOSING, CLOSED, ALL_ANSWERED, NOT_THERE, THERE]);
}

fn stop_repeatedly(random: Random, counts: &OutcomeCounts) {
    let disk = SimulatedDisk::with_empty_store();
    let mut states = PossibleStates::new();
    let mut generator = ChangeGenerator::new(random);
    for _ in 0..STOPS_OF_STORE {
        // Opening a store takes about ten calls, and a batch about fifteen.
        let calls = if generator.random.once_in(4) { 16 } else { 160 };
        disk.plan(generator.random.within(1..calls), Fault::Stop);
        counts.count(run_until_stopped(&disk, &mut states, &mut generator, counts));
        if generator.random.once_in(5) {
            disk.kill();
            counts.count(KILLED);
        } else {
            disk.cut_power(&mut generator.random);
            counts.count(CUT);
        }
    }
    let disk_store = DiskStore::start(&disk, cache_bytes(&mut generator.random)).unwrap();
    states.identify(&disk_store.rows().unwrap());
}

/// Opens the store, repeats the changes without an outcome, makes more changes, and closes the store, until the
/// planned fault stops it. Returns the phase in which the store was stopped.
fn run_until_stopped(
    disk: &SimulatedDisk,
    states: &mut PossibleStates,
    generator: &mut ChangeGenerator,
    counts: &OutcomeCounts,
) -> &'static str {
    let disk_store = match DiskStore::start(disk, cache_bytes(&mut generator.random)) {
        Ok(disk_store) => disk_store,
        Err(_) if disk.had_fault() => return OPENING,
        Err(error) => panic!("the store does not open: {error:?}"),
    };
    match disk_store.rows() {
        Ok(rows) => counts.count(states.identify(&rows)),
        Err(_) if disk.had_fault() => return OPENING,
        Err(error) => panic!("the store cannot be read: {error:?}"),
    }
    let mut steps = states.unanswered.clone();
    for _ in 0..generator.random.within(1..12) {
        if steps.is_empty() {
            let count = generator.random.within(1..8);
            steps = generator.steps(count, states.model());
        }
        if !states.commit(&disk_store, &steps) {
            assert!(disk.had_fault(), "an error without a fault of the disk");
            return SERVING;
        }
        steps.clear();
    }
    drop(disk_store);
    if disk.had_fault() { CLOSING } else { CLOSED }
}

/// With a small cache, redb writes pages before the commit.
fn cache_bytes(random: &mut Random) -> usize {
    if random.once_in(2) { 16 * 1024 } else { 1024 * 1024 }
}
