//! A journal that reaches its bound, or whose disk is full: said well before; nothing that was kept goes
//! to make room, what is lost is counted, and the account goes on when there is room.

#![allow(clippy::unwrap_used, reason = "a test may; these have functions beside their tests")]

mod journal_support;
#[path = "support/small_disk.rs"]
mod small_disk;

use std::collections::BTreeSet;

use jiff::SignedDuration;
use journal_support::{
    YEAR,
    machine::{HALF_A_YEAR, Machine},
    record,
};
use small_disk::SmallDisk;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const HOUR: SignedDuration = SignedDuration::from_hours(1);
const NOON: &str = "2026-03-02T12:00:00Z";

/// Notes so many records more, and lets the journal write them.
fn note(machine: &Machine, next: &mut u64, count: u64, then: SignedDuration) {
    for _ in 0..count {
        machine.journal.note(record(*next, machine.now()), None);
        *next += 1;
    }
    machine.pass(then);
}

#[test]
fn at_its_bound_nothing_old_goes_the_new_is_lost_and_counted_and_the_alarm_came_long_before() {
    const MOST: u64 = 30_000;
    let folder = tempfile::tempdir().unwrap();
    let machine = Machine::start_in(folder, None, NOON, (YEAR, HALF_A_YEAR), MOST);
    let (mut next, mut alarmed, mut full) = (0, None, None);
    for turn in 0..400 {
        note(&machine, &mut next, 20, 5 * MINUTE);
        let status = machine.journal.status();
        assert!(status.bytes < MOST + 2_000, "{} bytes, of {MOST}", status.bytes);
        let trouble = status.trouble.unwrap_or_default();
        if trouble.contains("four fifths") {
            alarmed.get_or_insert(turn);
        }
        if trouble.contains("nothing more is kept") {
            full.get_or_insert((turn, next));
        }
    }
    let (alarmed, (full, upto)) = (alarmed.unwrap(), full.unwrap());
    eprintln!("alarm at turn {alarmed}, full at turn {full}, of 400");
    assert!(alarmed + 12 <= full && full < 390, "{alarmed}, {full}");
    let kept = machine.kept();
    assert!((0..upto).all(|number| kept.contains(&number)), "what came first is all there");
    let lost = machine.journal.status().lost;
    assert!(lost > 100, "{lost}");
    assert_eq!(kept.len() as u64 + lost, next, "none is lost unsaid");
    // An hour later at the latest the count is sealed, too.
    machine.pass(HOUR);
    assert_eq!(kept.len() as u64 + machine.lost(), next);
    // The first hours reach their term.
    machine.pass(YEAR - 30 * HOUR);
    assert!(machine.kept().len() < kept.len());
    let before = next;
    note(&machine, &mut next, 20, MINUTE);
    assert!((before..next).all(|number| machine.kept().contains(&number)), "it goes on");
    assert!(!machine.journal.status().trouble.unwrap_or_default().contains("nothing more"));
}

#[test]
fn on_a_full_disk_what_comes_waits_and_what_is_there_stays() {
    let Some(disk) = SmallDisk::mount(4) else { return };
    let at = Some(disk.path().join("journal"));
    let folder = tempfile::tempdir().unwrap();
    let machine = Machine::start_in(folder, at, NOON, (YEAR, HALF_A_YEAR), 1 << 30);
    let trouble = || machine.journal.status().trouble.unwrap_or_default();
    assert!(trouble().contains("MiB left"), "said from the first minute on: {}", trouble());
    let mut next = 0;
    note(&machine, &mut next, 100, 10 * MINUTE);
    assert_eq!(machine.kept().len(), 100);
    let filler = disk.fill();
    // Into the next hours, which have no room for a file either.
    for _ in 0..30 {
        note(&machine, &mut next, 50, 5 * MINUTE);
    }
    assert!(trouble().contains("no room on the disk"), "{}", trouble());
    let kept = machine.kept();
    assert!(kept.len() < 1_000 && (0..100).all(|number| kept.contains(&number)), "{}", kept.len());
    std::fs::remove_file(filler).unwrap();
    note(&machine, &mut next, 10, MINUTE);
    let all: BTreeSet<u64> = (0..next).collect();
    assert_eq!(machine.kept(), all, "what waited is there, once, and the chain holds");
    assert_eq!(machine.journal.status().lost, 0);
    assert!(!trouble().contains("no room"), "{}", trouble());
    machine.pass(HOUR);
    assert_eq!(machine.kept(), all);
}

#[test]
fn on_a_full_disk_what_is_due_goes_all_the_same_and_leaves_its_mark() {
    let Some(disk) = SmallDisk::mount(4) else { return };
    let at = Some(disk.path().join("journal"));
    let folder = tempfile::tempdir().unwrap();
    let machine = Machine::start_in(folder, at, NOON, (YEAR, HALF_A_YEAR), 1 << 30);
    let mut next = 0;
    let noted = machine.now();
    for _ in 0..5 {
        note(&machine, &mut next, 20, HOUR);
    }
    disk.fill();
    machine.pass_until(noted + YEAR - MINUTE);
    assert_eq!(machine.kept().len(), 100);
    machine.pass(5 * HOUR);
    assert_eq!(machine.kept().len(), 0, "and the chain holds");
    // What it took is the journal's again.
    note(&machine, &mut next, 1, MINUTE);
    assert_eq!(machine.kept(), [100].into(), "{:?}", machine.journal.status());
}

#[test]
fn a_disk_that_stays_full_costs_what_memory_cannot_hold_and_that_is_counted() {
    let Some(disk) = SmallDisk::mount(4) else { return };
    let at = Some(disk.path().join("journal"));
    let folder = tempfile::tempdir().unwrap();
    let mut machine = Machine::start_in(folder, at, NOON, (YEAR, HALF_A_YEAR), 1 << 30);
    let mut next = 0;
    note(&machine, &mut next, 100, MINUTE);
    let filler = disk.fill();
    for _ in 0..4 {
        note(&machine, &mut next, 30_000, MINUTE);
    }
    let lost = machine.journal.status().lost;
    assert!(lost > 20_000, "{lost}");
    std::fs::remove_file(filler).unwrap();
    machine.pass(HOUR);
    machine.pass(HOUR);
    assert_eq!(machine.kept().len() as u64 + lost, next);
    assert_eq!(machine.lost(), lost, "sealed with what was kept");
    // And a restart in the middle of it changes nothing of what is on the disk.
    let kept = machine.kept();
    machine.start_again();
    assert_eq!(machine.kept(), kept);
}
