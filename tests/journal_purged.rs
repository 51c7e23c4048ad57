//! What is kept goes at its term, neither before nor after, whatever is done to the clock.

#![allow(clippy::unwrap_used, reason = "a test may; these have functions beside their tests")]

mod journal_support;

use std::{collections::BTreeSet, fs, sync::Arc};

use jiff::SignedDuration;
use journal_support::{
    Dice, YEAR, all, at,
    machine::{HALF_A_YEAR, Machine},
    open, pair, record,
};
use preau::journal::{Record, Refused, Verdict, purge};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);
const MILLISECOND: SignedDuration = SignedDuration::from_millis(1);

#[test]
fn a_purge_that_was_cut_off_is_no_tampering_and_is_ended_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let (identity, settings) = pair();
    let first = at("2026-01-10T08:30:00Z");
    let mut book = open(folder.path(), &settings, first);
    for n in 0..5 {
        let now = first + HOUR * n;
        book.append(&[record(u64::from(n.unsigned_abs()), now)], 0, now).unwrap();
    }
    let file = |n: u32| folder.path().join(format!("0001/{n:010}.hour"));
    let kept: Vec<_> = (1..=4).map(|n| fs::read(file(n)).unwrap()).collect();
    let due = first + HOUR * 2 + YEAR;
    assert_eq!(purge(folder.path(), YEAR, due).unwrap(), 3);
    // The mark is made first: any of these may still be there.
    for left in [&[1, 2, 3][..], &[2, 3], &[3], &[1], &[1, 3]] {
        for n in left {
            fs::write(file(*n), &kept[*n as usize - 1]).unwrap();
        }
        let (rows, report) = all::<Record>(folder.path(), &identity, due);
        assert_eq!((report.findings, rows.len()), (vec![], left.len() + 2), "{left:?}");
        assert_eq!(purge(folder.path(), YEAR, due).unwrap(), left.len(), "{left:?}");
    }
    let (rows, report) = all::<Record>(folder.path(), &identity, due);
    assert_eq!((report.findings, report.purged, rows.len()), (vec![], 3, 2));
}

#[test]
fn a_chain_that_ended_in_doubt_and_went_on_in_another_folder_is_purged_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (identity, settings) = pair();
    let noon = at("2026-11-03T12:00:00Z");
    let mut book = open(folder.path(), &settings, noon);
    book.append(&[record(0, noon)], 0, noon).unwrap();
    let doubtful = Record { doubt: true, ..record(1, at("1970-01-01T00:00:00Z")) };
    book.append(&[doubtful], 0, noon + HOUR).unwrap();
    book.close(noon + HOUR).unwrap();
    fs::remove_file(folder.path().join("0001/key")).unwrap();
    let mut book = open(folder.path(), &settings, noon + HOUR * 2);
    book.append(&[record(2, noon + HOUR * 2)], 0, noon + HOUR * 2).unwrap();
    book.close(noon + HOUR * 3).unwrap();
    let due = noon + HOUR * 2 + YEAR;
    assert_eq!(purge(folder.path(), YEAR, due - MILLISECOND).unwrap(), 1);
    assert_eq!(purge(folder.path(), YEAR, due).unwrap(), 2);
    let (rows, report) = all::<Record>(folder.path(), &identity, due);
    assert_eq!((report.findings, report.purged, rows.len()), (vec![], 3, 0));
    // Without what was purged after them, nothing proves that those in doubt were due.
    fs::remove_file(folder.path().join("0002/purged")).unwrap();
    assert_ne!(all::<Record>(folder.path(), &identity, due).1.findings, []);
}

#[test]
fn either_log_goes_at_its_own_term_to_the_minute_and_the_log_of_refusals_is_whole() {
    let machine = Machine::start("2026-03-02T09:00:00Z");
    let refusal = |n: u64| Record {
        verdict: Verdict::Denied,
        destination: None,
        name: Some(Arc::from(format!("jeu{n}.example"))),
        ..record(n, machine.now())
    };
    for n in 0..20 {
        machine.journal.note(record(n, machine.now()), None);
        machine.journal.note(refusal(n), Some(Arc::from("games")));
    }
    let noted = machine.now();
    machine.pass(HOUR);
    let refused = machine.refused();
    let domains: BTreeSet<_> = refused.iter().map(|row| row.domain.to_string()).collect();
    assert_eq!((refused.len(), domains.len()), (20, 20));
    let whole = |row: &Refused| {
        row.category.as_deref() == Some("games") && row.profile.as_deref() == Some("eleves")
    };
    assert!(refused.iter().all(whole) && !format!("{refused:?}").contains("10.0.0.1"));
    machine.pass_until(noted + HALF_A_YEAR - MILLISECOND);
    assert_eq!((machine.rows().len(), machine.refused().len()), (40, 20));
    machine.pass(MINUTE);
    assert_eq!((machine.rows().len(), machine.refused().len()), (40, 0));
    machine.pass_until(noted + YEAR - MILLISECOND);
    assert_eq!(machine.rows().len(), 40);
    machine.pass(MINUTE);
    assert_eq!(machine.rows().len(), 0);
}

#[test]
fn a_leap_of_the_clock_purges_nothing_even_where_the_daemon_was_away() {
    let mut machine = Machine::start("2026-03-02T09:00:00Z");
    machine.journal.note(record(0, machine.now()), None);
    let noted = machine.now();
    machine.pass_until(noted + YEAR - 7 * HOUR);
    // By such a clock the term is over in both cases.
    for leap in [5 * HOUR, YEAR * 2] {
        machine.leap(leap);
        for _ in 0..180 {
            machine.pass_unsynchronised(MINUTE);
        }
        assert!(machine.now() > noted + YEAR && machine.journal.status().doubt);
        assert_eq!(machine.kept(), [0].into(), "leapt by {leap}");
        machine.leap(-leap);
        machine.pass(MINUTE);
    }
    // The last synchronisation is young enough, and nobody saw the leap.
    machine.stop();
    machine.leap(2 * HOUR);
    machine.start_again();
    for _ in 0..30 {
        machine.pass_unsynchronised(MINUTE);
    }
    assert!(machine.now() > noted + YEAR && !machine.journal.status().doubt);
    assert_eq!(machine.kept(), [0].into(), "leapt while the daemon was away");
    machine.leap(-2 * HOUR);
    machine.pass(MINUTE);
    assert_eq!(machine.kept(), [0].into());
    machine.pass(HOUR);
    assert_eq!(machine.kept(), BTreeSet::new(), "synchronised again, it goes in its time");
}

#[test]
fn a_clock_that_is_never_synchronised_keeps_all_and_says_so_after_a_day() {
    let machine = Machine::start("2026-03-02T09:00:00Z");
    machine.journal.note(record(0, machine.now()), None);
    machine.pass(HOUR);
    for _ in 0..31 {
        machine.pass_unsynchronised(HOUR);
    }
    assert!(machine.journal.status().trouble.unwrap().contains("not been synchronised for a day"));
    for _ in 0..400 {
        machine.pass_unsynchronised(DAY);
    }
    assert_eq!(machine.kept(), [0].into());
}

/// Records by when they were really noted, and whether the clock was told to be sure then.
struct Truth {
    noted: Vec<(SignedDuration, bool)>,
}

#[test]
fn in_weeks_of_leaps_doubts_and_restarts_nothing_goes_before_its_term_and_what_is_sure_at_it() {
    let (mut gone, mut doubtful) = (0, 0);
    for seed in 1..3 {
        let mut dice = Dice(seed);
        let term = DAY;
        let mut machine = Machine::start_with("2026-03-28T09:00:00Z", DAY, DAY);
        let mut truth = Truth { noted: Vec::new() };
        let mut service = true;
        for _ in 0..120 {
            match dice.below(12) {
                0 => machine.leap(leap(&mut dice)),
                1 => service = !service,
                2 => {
                    machine.stop();
                    machine.start_again();
                }
                _ => {}
            }
            let number = truth.noted.len() as u64;
            machine.journal.note(record(number, machine.now()), None);
            truth.noted.push((machine.passed(), machine.is_sure()));
            // The journal looks before whoever set the clock puts it right again.
            machine.pass_unsynchronised(SignedDuration::from_millis(400));
            let passes = SignedDuration::from_mins(i64::try_from(1 + dice.below(50)).unwrap());
            if service {
                machine.pass(passes);
            } else {
                machine.pass_unsynchronised(passes);
            }
            check(&machine, &truth, term, service);
        }
        machine.pass(DAY + HOUR * 2);
        machine.pass(DAY);
        gone += truth.noted.len() - machine.kept().len();
        doubtful += truth.noted.iter().filter(|(_, sure)| !sure).count();
    }
    eprintln!("gone: {gone}, of them noted by a clock that was wrong: {doubtful}");
    assert!(gone > 200 && doubtful > 20);
}

fn leap(dice: &mut Dice) -> SignedDuration {
    let minutes = [3, 40, 240, 3_000, 600_000][usize::try_from(dice.below(5)).unwrap()];
    SignedDuration::from_mins(if dice.below(2) == 0 { minutes } else { -minutes })
}

fn check(machine: &Machine, truth: &Truth, term: SignedDuration, service: bool) {
    let (kept, now) = (machine.kept(), machine.passed());
    for (number, (noted, sure)) in (0_u64..).zip(&truth.noted) {
        let age = now - *noted;
        if age < term {
            assert!(kept.contains(&number), "{number} went after {age:#}");
        }
        // Its hour, and the time between two looks.
        let late = age > term + HOUR + MINUTE * 51;
        if *sure && late && service && !machine.journal.status().doubt {
            assert!(!kept.contains(&number), "{number} is there after {age:#}");
        }
    }
}

#[test]
fn moments_of_a_row_noted_right_after_a_leap_are_in_doubt() {
    let machine = Machine::start("2026-03-02T09:00:00Z");
    machine.leap(YEAR);
    // Before anybody has looked at the clock.
    machine.journal.note(record(7, machine.now()), None);
    machine.pass_unsynchronised(SignedDuration::from_millis(400));
    let rows = machine.rows();
    assert!(rows.iter().all(|row: &Record| row.doubt), "{rows:?}");
    assert_eq!(rows[0].at, at("2027-03-02T09:00:01Z"), "what it said is kept: {rows:?}");
}
