//! A copy that was cut, swapped, dropped or changed shows it, and says where.

#![allow(clippy::unwrap_used, reason = "a test may; these have functions beside their tests")]

mod journal_support;

use std::{
    fs,
    path::{Path, PathBuf},
};

use jiff::{SignedDuration, Timestamp};
use journal_support::{all, at, open, pair, record};
use preau::journal::{Identity, Record, Row as _, Settings, read::Fault};
use sha2::{Digest as _, Sha256};

/// Where the lengths of a header are (`src/journal/chain.rs`).
const HEADER_BYTES: usize = 132;
const TAG_BYTES: usize = 32;

struct Case {
    _folder: tempfile::TempDir,
    log: PathBuf,
    identity: Identity,
    settings: Settings,
    now: Timestamp,
    /// `head` as it was while the fourth file was written.
    old_head: Vec<u8>,
}

/// Files 1, 2 and 4 of an hour each; 3 ended by a crash, in three chunks; 5 under way, in two.
fn journal() -> Case {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("connections");
    let (identity, settings) = pair();
    let first = at("2026-11-03T08:00:00Z");
    let hour = |n: i64| first + SignedDuration::from_hours(n);
    let mut book = open(&log, &settings, first);
    let mut number = 0;
    let mut old_head = Vec::new();
    for n in 0..5 {
        for second in 0..3 {
            let now = hour(n) + SignedDuration::from_secs(second);
            book.append(&[record(number, now)], 0, now).unwrap();
            number += 1;
        }
        if n == 2 {
            // As after a kill: what memory had is gone.
            book = open(&log, &settings, hour(3));
        }
        if n == 3 {
            old_head = fs::read(log.join("0001/head")).unwrap();
        }
    }
    let case = Case { _folder: folder, log, identity, settings, now: hour(5), old_head };
    let (rows, report) = all::<Record>(&case.log, &case.identity, case.now);
    assert_eq!((rows.len(), report.files, report.findings), (15, 5, vec![]), "untouched it holds");
    case
}

impl Case {
    fn path(&self, name: &str) -> PathBuf {
        self.log.join("0001").join(name)
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let path = self.path(name);
        let mut bytes = fs::read(&path).unwrap();
        change(&mut bytes);
        fs::write(path, bytes).unwrap();
    }

    /// Removes files, and leaves the stub of the last of them, its header and tag, changed or not.
    fn as_if_purged(&self, names: &[&str], change: impl FnOnce(&mut Vec<u8>)) {
        let last = fs::read(self.path(names.last().unwrap())).unwrap();
        let whole = &last[..piece(&last)];
        let mut stub = [&whole[..HEADER_BYTES], &whole[whole.len() - TAG_BYTES..]].concat();
        change(&mut stub);
        fs::write(self.path("purged"), stub).unwrap();
        self.remove(names);
    }

    fn remove(&self, names: &[&str]) {
        for name in names {
            fs::remove_file(self.path(name)).unwrap();
        }
    }

    fn swap(&self, one: &str, other: &str) {
        let (one, other) = (self.path(one), self.path(other));
        let bytes = fs::read(&one).unwrap();
        fs::copy(&other, &one).unwrap();
        fs::write(&other, bytes).unwrap();
    }
}

/// Bytes of the piece that begins there.
fn piece(bytes: &[u8]) -> usize {
    let sealed = bytes[HEADER_BYTES - 4..HEADER_BYTES].try_into().unwrap();
    HEADER_BYTES + u32::from_le_bytes(sealed) as usize + TAG_BYTES
}

const ONE: &str = "0000000001.hour";
const TWO: &str = "0000000002.hour";
const THREE: &str = "0000000003.tail";
const FOUR: &str = "0000000004.hour";
const FIVE: &str = "0000000005.tail";

type Tamper = fn(&Case);

/// What is done, to what, and what must be found where.
const TAMPERINGS: [(&str, Tamper, &str, Fault); 20] = [
    ("a moment in a header changed", |c| c.change(TWO, |b| b[40] ^= 1), TWO, Fault::Changed),
    ("a sealed byte changed", |c| c.change(TWO, |b| b[400] ^= 1), TWO, Fault::Unreadable),
    ("a tag changed", |c| c.change(TWO, |b| *b.last_mut().unwrap() ^= 1), TWO, Fault::Changed),
    ("a file cut", |c| c.change(TWO, |b| b.truncate(b.len() - 10)), TWO, Fault::Torn),
    ("bytes added", |c| c.change(FOUR, |b| b.extend([0; 200])), FOUR, Fault::Torn),
    ("a file dropped", |c| fs::remove_file(c.path(TWO)).unwrap(), "2", Fault::Missing),
    ("two files swapped", |c| c.swap(ONE, TWO), ONE, Fault::Misplaced),
    ("a file twice", |c| drop(fs::copy(c.path(ONE), c.path(TWO))), TWO, Fault::Misplaced),
    (
        "the last chunk of a crash dropped",
        |c| c.change(THREE, |b| b.truncate(piece(b) + piece(&b[piece(b)..]))),
        FOUR,
        Fault::Unlinked,
    ),
    (
        "the first chunk of a crash dropped",
        |c| c.change(THREE, |b| drop(b.drain(..piece(b)))),
        THREE,
        Fault::Misplaced,
    ),
    (
        "two chunks swapped",
        |c| {
            c.change(THREE, |b| {
                let first = piece(b);
                b.rotate_left(first);
            });
        },
        THREE,
        Fault::Misplaced,
    ),
    (
        "the beginning dropped before its term",
        |c| fs::remove_file(c.path(ONE)).unwrap(),
        "1",
        Fault::Missing,
    ),
    (
        "the beginning dropped, and its own stub left as a purge would",
        |c| c.as_if_purged(&[ONE, TWO], |_| ()),
        "2",
        Fault::RemovedEarly,
    ),
    (
        "the same, with a moment long ago",
        |c| c.as_if_purged(&[ONE, TWO], |stub| stub[40..48].copy_from_slice(&[0; 8])),
        "purged",
        Fault::Purged,
    ),
    (
        "all dropped, as if it had been purged",
        |c| c.as_if_purged(&[ONE, TWO, THREE, FOUR, FIVE], |_| ()),
        "5",
        Fault::RemovedEarly,
    ),
    (
        "all dropped, with the mark of an earlier purge",
        |c| {
            c.as_if_purged(&[ONE], |_| ());
            c.remove(&[TWO, THREE, FOUR, FIVE]);
        },
        "4",
        Fault::CutShort,
    ),
    ("the end dropped", |c| c.remove(&[FOUR, FIVE]), "4", Fault::CutShort),
    (
        "the end dropped, and an older head put back for a newer",
        |c| {
            fs::remove_file(c.path(FIVE)).unwrap();
            fs::write(c.path("head"), &c.old_head).unwrap();
            fs::remove_file(c.path(FOUR)).unwrap();
            fs::remove_file(c.path(THREE)).unwrap();
        },
        "3",
        Fault::CutShort,
    ),
    ("the head dropped", |c| fs::remove_file(c.path("head")).unwrap(), "head", Fault::Head),
    ("a file sealed anew by a stranger", forge, TWO, Fault::Changed),
];

/// What whoever reads this program can do: the public key seals, and hashes are no secret. What is
/// missing is the key of that hour.
fn forge(case: &Case) {
    let block = Record::pack(&[record(666, at("2026-11-03T09:00:00Z"))]);
    let mut plain = u32::try_from(block.len()).unwrap().to_le_bytes().to_vec();
    plain.extend(block);
    let sealed = case.settings.recipient.seal(&plain).unwrap();
    case.change(TWO, |bytes| {
        let tag = bytes.split_off(bytes.len() - TAG_BYTES);
        bytes.truncate(HEADER_BYTES);
        bytes[20..24].copy_from_slice(&1_u32.to_le_bytes());
        bytes[96..128].copy_from_slice(&Sha256::digest(&sealed));
        let length = u32::try_from(sealed.len()).unwrap();
        bytes[HEADER_BYTES - 4..].copy_from_slice(&length.to_le_bytes());
        bytes.extend(sealed);
        bytes.extend(tag);
    });
}

#[test]
fn twenty_kinds_of_tampering_are_each_found_where_they_were_done() {
    for (what, tamper, file, fault) in TAMPERINGS {
        let case = journal();
        tamper(&case);
        let (_, report) = all::<Record>(&case.log, &case.identity, case.now);
        let found = report.findings.iter().any(|one| one.file == file && one.fault == fault);
        assert!(found, "{what}: {:#?}", report.findings);
    }
}

#[test]
fn another_journal_in_its_place_has_another_fingerprint() {
    let (case, other) = (journal(), journal());
    let named = |log: &Path, identity| all::<Record>(log, identity, case.now).1.fingerprints;
    assert_ne!(named(&case.log, &case.identity), named(&other.log, &other.identity));
}

#[test]
fn rows_of_a_file_that_does_not_hold_are_given_and_marked() {
    let case = journal();
    case.change(TWO, |bytes| *bytes.last_mut().unwrap() ^= 1);
    let mut holds = Vec::new();
    let given = |row: Record, whole| {
        holds.push((row.up, whole));
        Ok(())
    };
    preau::journal::read::read(&case.log, &case.identity, case.now, given).unwrap();
    assert_eq!(holds.len(), 15);
    assert!(holds.iter().all(|(number, whole)| (3..6).contains(number) != *whole), "{holds:?}");
}

#[test]
fn no_bytes_of_a_copy_make_the_reader_panic() {
    let case = journal();
    let whole = fs::read(case.path(THREE)).unwrap();
    for at in (0..whole.len()).step_by(7) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        fs::write(case.path(THREE), &bytes).unwrap();
        let (_, report) = all::<Record>(&case.log, &case.identity, case.now);
        assert!(!report.findings.is_empty(), "byte {at}");
        fs::write(case.path(THREE), &whole[..at]).unwrap();
        let (_, report) = all::<Record>(&case.log, &case.identity, case.now);
        assert!(!report.findings.is_empty(), "cut at {at}");
    }
}
