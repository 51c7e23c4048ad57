//! What goes into the journal comes out of it: at the region's, whole, in order, for its term.

#![allow(clippy::unwrap_used, reason = "a test may; these have functions beside their tests")]

mod journal_support;

use std::{fs, net::IpAddr, path::Path, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use journal_support::{Day, YEAR, all, at, open, pair, record};
use preau::journal::{Record, Refused, Row as _, Verdict, new_identity, purge, read};
use proptest::prelude::*;

fn text() -> impl Strategy<Value = Option<Arc<str>>> {
    proptest::option::of("[a-zé0-9.-]{0,40}".prop_map(Arc::from))
}

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![any::<[u8; 4]>().prop_map(IpAddr::from), any::<[u8; 16]>().prop_map(IpAddr::from)]
}

fn moment() -> impl Strategy<Value = Timestamp> {
    // From 1970 to 2100, in any order.
    (0..4_102_444_800_000_i64).prop_map(|at| Timestamp::from_millisecond(at).unwrap())
}

prop_compose! {
    fn row()(
        at in moment(), lasted: u32, ip in address(), port: u16, session in text(), profile in text(),
        destination in proptest::option::of(address()), to: u16, name in text(), up: u64, down: u64,
        verdict in 0..5_u64, doubt: bool,
    ) -> Record {
        Record {
            at, lasted, device: (ip, port).into(), session, profile, destination, port: to, name, up,
            down, verdict: Verdict::of_number(verdict).unwrap(), doubt,
        }
    }
}

prop_compose! {
    fn refused()(
        at in moment(), pseudonym: u64, profile in text(), category in text(),
        domain in "[a-z.]{0,30}", doubt: bool,
    ) -> Refused {
        Refused { at, pseudonym, profile, category, domain: Arc::from(domain), doubt }
    }
}

proptest! {
    #[test]
    fn rows_come_out_as_they_went_in(
        rows in proptest::collection::vec(row(), 0..40),
        refused in proptest::collection::vec(refused(), 0..40),
    ) {
        prop_assert_eq!(Record::unpack(&Record::pack(&rows)), Ok(rows));
        prop_assert_eq!(Refused::unpack(&Refused::pack(&refused)), Ok(refused));
    }

    #[test]
    fn no_bytes_make_the_reader_panic_or_grow(
        rows in proptest::collection::vec(row(), 1..10),
        at: prop::sample::Index, byte: u8, noise in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut bytes = Record::pack(&rows);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = Record::unpack(&bytes);
        let _ = Record::unpack(&bytes[..at]);
        let _ = Record::unpack(&noise);
        let _ = Refused::unpack(&noise);
    }
}

fn names(log: &Path) -> Vec<String> {
    let era = log.join("0001");
    let mut names: Vec<_> = fs::read_dir(era)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with('0'))
        .collect();
    names.sort();
    names
}

#[test]
fn an_hour_becomes_one_file_and_only_the_region_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let (identity, settings) = pair();
    let noon = at("2026-11-03T12:00:00Z");
    let mut book = open(folder.path(), &settings, noon);
    let second = |n: u64| noon + SignedDuration::from_secs(n.cast_signed());
    for n in 0..30 {
        book.append(&[record(n, second(n))], 0, second(n)).unwrap();
    }
    assert_eq!(names(folder.path()), ["0000000001.tail"]);
    let (rows, report) = all::<Record>(folder.path(), &identity, noon);
    assert_eq!((rows.len(), report.findings), (30, vec![]), "what is not closed yet is there too");
    let next = noon + SignedDuration::from_hours(1);
    book.append(&[record(30, next)], 7, next).unwrap();
    assert_eq!(names(folder.path()), ["0000000001.hour", "0000000002.tail"]);
    let (rows, report) = all::<Record>(folder.path(), &identity, next);
    assert_eq!(report.findings, []);
    assert_eq!((report.rows, report.lost, report.files), (31, 7, 2));
    assert!(rows.iter().zip(0..).all(|(row, n)| row.up == n), "in their order");
    assert_eq!(report.fingerprints, [book.fingerprint()]);
    let sealed = fs::read(folder.path().join("0001/0000000001.hour")).unwrap();
    assert!(!sealed.windows(14).any(|part| part == b"manuel.example"));
    let stranger = new_identity().1.parse().unwrap();
    let opened = read::read(folder.path(), &stranger, next, |_: Record, _| Ok(()));
    assert!(matches!(opened, Err(read::ReadError::Seal { .. })), "{opened:?}");
    let other = read::read(folder.path(), &identity, next, |_: Refused, _| Ok(()));
    assert!(matches!(other, Err(read::ReadError::Kind(_))), "{other:?}");
}

#[test]
fn a_clock_that_is_set_neither_reorders_nor_loses() {
    let folder = tempfile::tempdir().unwrap();
    let (identity, settings) = pair();
    // Before any synchronisation; then now; a year ahead by mistake; back; across hours.
    let moments = [
        "1970-01-01T00:00:10Z",
        "1970-01-01T00:00:11Z",
        "2026-11-03T12:00:00Z",
        "2027-11-03T12:00:00Z",
        "2026-11-03T12:00:05Z",
        "2026-11-03T11:59:59Z",
        "2026-11-03T12:59:59.999Z",
        "2026-11-03T13:00:00Z",
        "2026-11-03T12:59:59.5Z",
    ];
    let mut book = open(folder.path(), &settings, at(moments[0]));
    let mut written = Vec::new();
    for (n, moment) in (0..).zip(moments.map(at)) {
        let row = Record { doubt: n < 2 || n == 3, ..record(n, moment) };
        book.append(std::slice::from_ref(&row), 0, moment).unwrap();
        written.push(row);
    }
    let now = at("2026-11-03T13:00:00Z");
    let (rows, report) = all::<Record>(folder.path(), &identity, now);
    assert_eq!(report.findings, []);
    assert_eq!(rows, written);
    // A restart in the middle changes nothing of that.
    drop(book);
    let mut book = open(folder.path(), &settings, at(moments[0]));
    let row = record(9, now);
    book.append(std::slice::from_ref(&row), 0, now).unwrap();
    written.push(row);
    let (rows, report) = all::<Record>(folder.path(), &identity, now);
    assert_eq!((report.findings, rows), (vec![], written));
}

#[test]
fn an_hour_goes_at_its_term_to_the_millisecond_and_nothing_goes_before() {
    let folder = tempfile::tempdir().unwrap();
    let (identity, settings) = pair();
    let first = at("2026-01-10T08:59:59.999Z");
    let hours = |n: i64| first + SignedDuration::from_hours(n);
    let mut book = open(folder.path(), &settings, first);
    for n in 0..4_i64 {
        book.append(&[record(n.cast_unsigned(), hours(n))], 0, hours(n)).unwrap();
    }
    // One hour whose clock was in doubt: it goes with the next that is sure.
    let odd = Record { doubt: true, ..record(4, at("2040-01-01T00:00:00Z")) };
    book.append(&[odd], 0, hours(4)).unwrap();
    book.append(&[record(5, hours(5))], 0, hours(5)).unwrap();
    book.close(hours(5)).unwrap();
    let millisecond = SignedDuration::from_millis(1);
    let mut left = 6;
    for (n, gone) in [(0, 1), (1, 1), (2, 1), (3, 1), (4, 0), (5, 2)] {
        let due = hours(n) + YEAR;
        if n != 4 {
            assert_eq!(purge(folder.path(), YEAR, due - millisecond).unwrap(), 0, "hour {n}");
        }
        assert_eq!(purge(folder.path(), YEAR, due).unwrap(), gone, "hour {n}");
        left -= gone;
        let (rows, report) = all::<Record>(folder.path(), &identity, due);
        assert_eq!(rows.len(), left, "hour {n}");
        assert_eq!(report.findings, [], "purged in time is no tampering, be it all of it");
        assert_eq!((report.purged, report.files), (6 - left as u64, left as u64), "hour {n}");
    }
    // And a journal from which all is gone goes on.
    let later = hours(24 * 400);
    drop(book);
    let mut book = open(folder.path(), &settings, later);
    book.append(&[record(6, later)], 0, later).unwrap();
    assert_eq!(all::<Record>(folder.path(), &identity, later).1.findings, []);
    assert_eq!(
        book.fingerprint(),
        all::<Record>(folder.path(), &identity, later).1.fingerprints[0]
    );
}

#[test]
fn a_chain_that_cannot_go_on_is_left_as_it_is_and_another_begun() {
    let folder = tempfile::tempdir().unwrap();
    let (identity, settings) = pair();
    let noon = at("2026-11-03T12:00:00Z");
    open(folder.path(), &settings, noon).append(&[record(0, noon)], 0, noon).unwrap();
    fs::remove_file(folder.path().join("0001/key")).unwrap();
    let mut book = open(folder.path(), &settings, noon);
    book.append(&[record(1, noon)], 0, noon).unwrap();
    let (rows, report) = all::<Record>(folder.path(), &identity, noon);
    assert_eq!((rows.len(), report.fingerprints.len()), (2, 2));
    assert_eq!(report.findings, []);
}

/// `scripts/bench journal` writes the whole day, of ten million.
#[test]
fn a_record_of_a_generated_day_costs_sixteen_bytes_at_most() {
    let folder = tempfile::tempdir().unwrap();
    let (_, settings) = pair();
    let morning = at("2026-11-03T08:00:00Z");
    let mut day = Day::new(3, morning);
    let mut book = open(folder.path(), &settings, morning);
    let mut rows: u32 = 0;
    for second in 0..600 {
        let ended = day.second();
        rows += u32::try_from(ended.len()).unwrap();
        book.append(&ended, 0, morning + SignedDuration::from_secs(second)).unwrap();
    }
    book.close(morning + SignedDuration::from_mins(10)).unwrap();
    let (bytes, ..) = preau::journal::weigh(folder.path()).unwrap();
    let cost = f64::from(u32::try_from(bytes).unwrap()) / f64::from(rows);
    eprintln!("{rows} records, {cost:.2} bytes each");
    assert!(rows > 100_000 && cost <= 16.0, "{cost:.2} bytes a record, of {rows}");
}
