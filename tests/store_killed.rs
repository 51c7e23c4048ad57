//! Whatever the moment at which the process is killed, what it was told is done is done. Its
//! death takes nothing that the kernel has, whatever the disk: these tests work in memory.

#![allow(clippy::unwrap_used, reason = "a test may; these have functions beside their tests")]

#[path = "support/store_ledger.rs"]
mod store_ledger;
#[path = "support/store_writer.rs"]
mod store_writer;

use std::time::Duration;

use store_ledger::{Kill, Ledger, said, seed};
use store_writer::{Dice, Story, Writer, memory_folder};

const RANDOM_KILLS: u64 = 200;
/// Longest life of a writer, in milliseconds.
const LONGEST_LIFE: u64 = 150;
/// More steps than the short story has.
const MANY_STEPS: u64 = 2000;

#[test]
#[ignore = "the writer, started by the tests of this file"]
fn writer_child() {
    store_writer::child();
}

#[test]
fn a_kill_at_any_step_of_the_disk_loses_nothing_acknowledged() {
    let mut acknowledged = 0;
    for step in 1..MANY_STEPS {
        let folder = memory_folder();
        let (data, complaints) = (folder.path().join("data"), folder.path().join("complaints"));
        let mut ledger = Ledger::default();
        let (story, die_at) = (Story::Short, Some(step));
        let writer = Writer { folder: &data, story, first: 1, die_at, resume: None };
        ledger.run(writer, Kill::Never, &complaints);
        assert_eq!(ledger.error, None, "step {step}: {}", said(&complaints));
        acknowledged += ledger.acknowledged;
        let faults = ledger.check(&data, true);
        assert!(faults.is_empty(), "killed before step {step}: {faults:#?}");
        if ledger.ended {
            eprintln!("steps: {}, acknowledged: {acknowledged}, lost: 0", step - 1);
            assert!(step > 100, "the story has steps to die at");
            return;
        }
    }
    panic!("the story does not end in {MANY_STEPS} steps");
}

#[test]
fn two_hundred_kills_at_random_moments_lose_nothing_acknowledged() {
    let seed = seed();
    let mut dice = Dice(seed);
    let folder = memory_folder();
    let (data, complaints) = (folder.path().join("data"), folder.path().join("complaints"));
    let mut ledger = Ledger::default();
    for kill in 1..=RANDOM_KILLS {
        let (story, resume) = (Story::Endless, ledger.unfinished());
        let writer = Writer { folder: &data, story, first: ledger.next + 1, die_at: None, resume };
        let life = Duration::from_millis(dice.below(LONGEST_LIFE));
        ledger.run(writer, Kill::After(life), &complaints);
        let error = &ledger.error;
        assert_eq!(error, &None, "kill {kill}, seed {seed}: {}", said(&complaints));
        let faults = ledger.check(&data, true);
        assert!(faults.is_empty(), "kill {kill}, PREAU_SEED={seed}: {faults:#?}");
    }
    eprintln!("kills: {RANDOM_KILLS}, acknowledged: {}, lost: 0", ledger.acknowledged);
    assert!(ledger.acknowledged > RANDOM_KILLS, "the writers lived long enough to do something");
}
