//! The power goes at any call to the disk, also while the store is opened after the last time.
//!
//! A sync that returned holds; what was written since is there, not there or torn, each write on its
//! own. Whatever survives: the store opens, what was answered is there, and what was not is there
//! whole or not at all.

use super::disk::{Accident, Disk};
use super::ledger::{ALL_ANSWERED, Ledger, NOT_THERE, THERE};
use super::machine::Machine;
use super::random::{Random, run_seeds, setting};
use super::scenario::Scenario;
use super::tally::Tally;

/// How often the power goes in an ordinary run; QCHAT_POWER_CUTS says otherwise.
const CUTS: u64 = 3000;

/// How often a store is stopped in its life.
const STOPS_OF_STORE: u64 = 16;

const CUT: &str = "the power went";
const KILLED: &str = "the program was killed";
const OPENING: &str = "stopped while the store was opened";
const SERVING: &str = "stopped between a change and its answer";
const CLOSING: &str = "stopped while the store was closed";
const CLOSED: &str = "stopped when the store was closed";

#[test]
fn no_answered_change_is_lost_and_none_is_half_there() {
    let (wanted, tally) = (setting("QCHAT_POWER_CUTS", CUTS), Tally::default());
    run_seeds(|_| tally.of(CUT) >= wanted, |random| life(random, &tally));
    if tally.of(CUT) < wanted {
        return; // A seed alone, which need not show everything.
    }
    tally.check(&[KILLED, OPENING, SERVING, CLOSING, CLOSED, ALL_ANSWERED, NOT_THERE, THERE]);
}

fn life(random: Random, tally: &Tally) {
    let disk = Disk::with_empty_store();
    let mut ledger = Ledger::new();
    let mut scenario = Scenario::new(random);
    for _ in 0..STOPS_OF_STORE {
        // To open a store takes about ten calls, a batch about fifteen.
        let calls = if scenario.random.once_in(4) { 16 } else { 160 };
        disk.plan(scenario.random.within(1..calls), Accident::Stop);
        tally.count(run_until_stopped(&disk, &mut ledger, &mut scenario, tally));
        if scenario.random.once_in(5) {
            disk.kill();
            tally.count(KILLED);
        } else {
            disk.cut_power(&mut scenario.random);
            tally.count(CUT);
        }
    }
    let machine = Machine::start(&disk, cache_bytes(&mut scenario.random)).unwrap();
    ledger.recognise(&machine.rows().unwrap());
}

/// A server's life: it opens the store, is asked again what it did not answer, and serves; where
/// nothing stops it, it closes the store in order. Tells when it was stopped.
fn run_until_stopped(
    disk: &Disk,
    ledger: &mut Ledger,
    scenario: &mut Scenario,
    tally: &Tally,
) -> &'static str {
    let machine = match Machine::start(disk, cache_bytes(&mut scenario.random)) {
        Ok(machine) => machine,
        Err(_) if disk.had_accident() => return OPENING,
        Err(error) => panic!("the store does not open: {error:?}"),
    };
    match machine.rows() {
        Ok(rows) => tally.count(ledger.recognise(&rows)),
        Err(_) if disk.had_accident() => return OPENING,
        Err(error) => panic!("the store cannot be read: {error:?}"),
    }
    let mut steps = ledger.unanswered.clone();
    for _ in 0..scenario.random.within(1..12) {
        if steps.is_empty() {
            let count = scenario.random.within(1..8);
            steps = scenario.steps(count, ledger.world());
        }
        if !ledger.commit(&machine, &steps) {
            assert!(disk.had_accident(), "a fault, and the disk is well");
            return SERVING;
        }
        steps.clear();
    }
    drop(machine);
    if disk.had_accident() { CLOSING } else { CLOSED }
}

/// With a small cache, the engine writes pages before it commits them.
fn cache_bytes(random: &mut Random) -> usize {
    if random.once_in(2) { 16 * 1024 } else { 1024 * 1024 }
}
