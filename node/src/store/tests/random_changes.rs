//! Random changes to a store, held against a model that does the same the plain way.

use super::disk::Disk;
use super::ledger::Ledger;
use super::machine::{Machine, difference};
use super::random::{Random, run_seeds, setting};
use super::scenario::Scenario;

const CASES: u64 = 2000;
const STEPS: u64 = 50;
const CACHE_BYTES: usize = 1024 * 1024;

#[test]
fn a_store_does_what_its_model_does_also_after_crashes() {
    let cases = setting("QCHAT_MODEL_CASES", CASES);
    run_seeds(|seed| seed >= cases, case);
}

fn case(random: Random) {
    let disk = Disk::with_empty_store();
    let mut scenario = Scenario::new(random);
    let mut ledger = Ledger::new();
    let mut machine = Machine::start(&disk, CACHE_BYTES).unwrap();
    let mut made = 0;
    while made < STEPS {
        let count = scenario.random.within(1..10).min(STEPS - made);
        made += count;
        let steps = scenario.steps(count, ledger.world());
        assert!(ledger.commit(&machine, &steps), "a disk without faults, and a fault");
        if made == STEPS || scenario.random.once_in(4) {
            machine = crashed(machine, &disk, &mut scenario.random);
            let found = machine.rows().unwrap();
            assert_eq!(difference(&found, &ledger.world().rows()), None);
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(ledger.world().check_questions(&machine.into_store()));
}

/// The store after its program ended, in one of three ways.
fn crashed(machine: Machine, disk: &Disk, random: &mut Random) -> Machine {
    match random.within(0..4) {
        0 => drop(machine),
        1 => disk.cut_power(random),
        _ => disk.kill(),
    }
    // What was open cannot reach the disk any more, so that its end is no orderly one.
    Machine::start(disk, CACHE_BYTES).unwrap()
}
