//! A disk that changes bytes or loses files: what is damaged is found, set aside and fetched
//! again; what can be made again is made again; everything else stays.

#![allow(clippy::unwrap_used, reason = "a test may; these have functions beside their tests")]

#[path = "support/store_writer.rs"]
mod store_writer;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};
use preau::store::{BlobId, ScrubStep, Sidecar, Store, StoreError};
use store_writer::{Dice, content, describe, filled, hash, memory_folder, open, ticket, transfer};

const PACKAGES: u64 = 7;

fn put(store: &Store, number: u64, thing: u64) -> Arc<Sidecar> {
    let mut incoming = store.incoming(&transfer(number), ticket(number)).unwrap();
    incoming.append(&content(number)).unwrap();
    incoming.commit(describe(number, thing)).unwrap()
}

/// A folder with some packages and nobody in it.
fn filled_store() -> (tempfile::TempDir, PathBuf, Vec<Arc<Sidecar>>) {
    // A failure is easier to read beside what the store said.
    let _ = tracing_subscriber::fmt().with_test_writer().try_init();
    let folder = memory_folder();
    let data = folder.path().join("data");
    let store = open(&data).unwrap();
    for number in 1..=PACKAGES {
        put(&store, number, number);
    }
    let packages = store.packages().to_vec();
    (folder, data, packages)
}

fn blob(data: &Path, blob: &BlobId) -> PathBuf {
    let name = blob.to_string();
    data.join("blobs/sha256").join(&name[..2]).join(name)
}

fn sidecar(data: &Path, id: &BlobId) -> PathBuf {
    blob(data, id).with_extension("json")
}

fn flip_a_bit(path: &Path, dice: &mut Dice) {
    let mut bytes = fs::read(path).unwrap();
    let at = usize::try_from(dice.below(bytes.len() as u64)).unwrap();
    bytes[at] ^= 1 << dice.below(8);
    fs::write(path, bytes).unwrap();
}

/// Every package is listed with its own description and is whole.
fn all_there(store: &Store, packages: &[Arc<Sidecar>], after: &str) {
    assert_eq!(store.packages().as_slice(), packages, "after {after}");
    let verified = store.verify(&mut |_, _| true).unwrap();
    assert_eq!(verified.damaged, [], "after {after}");
    assert_eq!(verified.checked, packages.len() as u64, "after {after}");
}

#[test]
fn a_changed_bit_is_found_set_aside_and_fetched_again() {
    let mut dice = Dice(3);
    let (_folder, data, packages) = filled_store();
    for package in &packages {
        let store = open(&data).unwrap();
        flip_a_bit(&blob(&data, &package.blob), &mut dice);
        let verified = store.verify(&mut |_, _| true).unwrap();
        assert_eq!(verified.damaged, [package.as_ref().clone()]);
        assert!(store.package(&package.blob).is_none());
        assert!(matches!(store.open_blob(&package.blob), Err(StoreError::Unknown { .. })));
        let aside = fs::read_dir(data.join("quarantine")).unwrap();
        let name = package.blob.to_string();
        let kept =
            aside.filter(|e| e.as_ref().unwrap().file_name().to_str().unwrap().starts_with(&name));
        assert_eq!(kept.count(), 2, "the bytes and their description are kept for a look");
        drop(store);
        let store = open(&data).unwrap();
        assert!(store.package(&package.blob).is_none(), "nor after a restart");
        let number = package.description.origin.parse().unwrap();
        assert_eq!(put(&store, number, number).blob, package.blob);
    }
    let store = open(&data).unwrap();
    all_there(&store, &store.packages(), "all were fetched again");
    assert_eq!(store.packages().len(), packages.len());
}

#[test]
fn the_scrub_comes_to_every_damaged_package() {
    let (_folder, data, packages) = filled_store();
    let store = open(&data).unwrap();
    for package in &packages[..2] {
        flip_a_bit(&blob(&data, &package.blob), &mut Dice(1));
    }
    fs::write(sidecar(&data, &packages[2].blob), "{").unwrap();
    let total: u64 = packages.iter().map(|p| p.size).sum();
    let (mut read, mut damaged, mut mended, mut scrub) = (0, Vec::new(), 0, store.scrub());
    while read < total {
        let step: ScrubStep = scrub.step(100_000).unwrap();
        read += step.bytes;
        damaged.extend(step.damaged);
        mended += u32::from(step.mended);
    }
    damaged.sort_by_key(|p| p.stored_at);
    assert_eq!((damaged.as_slice(), mended), (&packages[..2], 1));
    all_there(&store, &packages[2..], "the scrub");
    assert_eq!(store.set_aside().unwrap().len(), 2, "each is kept for a look");
    assert_eq!(store.scrubbed_at().unwrap(), None, "the round is not over");
    let begun = jiff::Timestamp::now();
    // The end of the last package, and the beginning of the first.
    for _ in 0..2 {
        scrub.step(100_000).unwrap();
    }
    let ended = store.scrubbed_at().unwrap().unwrap();
    assert!(ended >= begun && ended <= jiff::Timestamp::now());
    drop((scrub, store));
    let store = open(&data).unwrap();
    assert_eq!(store.scrubbed_at().unwrap(), Some(ended), "past a restart");
}

#[test]
fn a_blob_cut_short_or_gone_is_not_listed() {
    let (_folder, data, packages) = filled_store();
    let cut = fs::OpenOptions::new().write(true).open(blob(&data, &packages[0].blob)).unwrap();
    cut.set_len(packages[0].size - 1).unwrap();
    fs::remove_file(blob(&data, &packages[1].blob)).unwrap();
    let store = open(&data).unwrap();
    all_there(&store, &packages[2..], "two blobs were damaged");
    put(&store, 1, 1);
    put(&store, 2, 2);
    drop(store);
    assert_eq!(open(&data).unwrap().packages().len(), packages.len());
}

#[test]
fn a_blob_that_vanishes_from_under_a_running_store_is_not_lent() {
    let (_folder, data, packages) = filled_store();
    let store = open(&data).unwrap();
    fs::remove_file(blob(&data, &packages[0].blob)).unwrap();
    assert!(matches!(store.open_blob(&packages[0].blob), Err(StoreError::Unknown { .. })));
    let cut = fs::OpenOptions::new().write(true).open(blob(&data, &packages[1].blob)).unwrap();
    cut.set_len(0).unwrap();
    let verified = store.verify(&mut |_, _| true).unwrap();
    assert_eq!(verified.damaged, [packages[1].as_ref().clone()]);
}

#[test]
fn sidecars_damaged_or_lost_are_written_again_from_the_index() {
    let (_folder, data, packages) = filled_store();
    let mut dice = Dice(5);
    fs::write(sidecar(&data, &packages[0].blob), "").unwrap();
    fs::write(sidecar(&data, &packages[1].blob), filled(&mut dice, 3000)).unwrap();
    fs::write(sidecar(&data, &packages[2].blob), filled(&mut dice, 2 << 20)).unwrap();
    fs::remove_file(sidecar(&data, &packages[3].blob)).unwrap();
    let store = open(&data).unwrap();
    all_there(&store, &packages, "four sidecars were damaged");
    drop(store);
    // The proof that they are good again: they alone are enough.
    fs::remove_dir_all(data.join("index")).unwrap();
    all_there(&open(&data).unwrap(), &packages, "the index was deleted");
}

#[test]
fn a_blob_that_nothing_describes_is_set_aside_not_guessed_at() {
    let (_folder, data, packages) = filled_store();
    fs::remove_dir_all(data.join("index")).unwrap();
    fs::write(sidecar(&data, &packages[0].blob), "[]").unwrap();
    fs::remove_file(sidecar(&data, &packages[1].blob)).unwrap();
    all_there(&open(&data).unwrap(), &packages[2..], "index and two sidecars were lost");
}

/// One way to damage the index's folder.
type Harm = (&'static str, fn(&Path, &mut Dice));

const HARMS: [Harm; 12] = [
    ("the index deleted", |index, _| fs::remove_dir_all(index).unwrap()),
    ("its log deleted", |index, _| fs::remove_file(index.join("db")).unwrap()),
    ("its log emptied", |index, _| shorten(index, |_| 0)),
    ("its last segment lost", |index, _| shorten(index, |n| n.saturating_sub(512 << 10))),
    ("half its log lost", |index, _| shorten(index, |n| n / 2)),
    ("a few bytes of its tail lost", |index, dice| {
        let cut = 1 + dice.below(5000);
        shorten(index, |n| n.saturating_sub(cut));
    }),
    ("its log overwritten", |index, dice| {
        let path = index.join("db");
        let length = usize::try_from(path.metadata().unwrap().len()).unwrap();
        fs::write(path, filled(dice, length)).unwrap();
    }),
    ("4 KiB of its log overwritten", |index, dice| overwrite(index, dice, 4096)),
    ("4 KiB of its log zeroed", |index, dice| {
        let path = index.join("db");
        let mut bytes = fs::read(&path).unwrap();
        // The log's beginning, where the records are; the rest of the segment is empty.
        let at = usize::try_from(dice.below(8)).unwrap() * 1024;
        let end = bytes.len().min(at + 4096);
        bytes[at.min(end)..end].fill(0);
        fs::write(path, bytes).unwrap();
    }),
    ("its snapshots emptied", |index, _| on_files(index, "snap.", |f| fs::write(f, "").unwrap())),
    ("its snapshots overwritten", |index, _| {
        on_files(index, "snap.", |f| fs::write(f, filled(&mut Dice(9), 500)).unwrap());
    }),
    ("its settings overwritten", |index, dice| {
        fs::write(index.join("conf"), filled(dice, 60)).unwrap();
    }),
];

fn shorten(index: &Path, length: impl Fn(u64) -> u64) {
    let file = fs::OpenOptions::new().write(true).open(index.join("db")).unwrap();
    file.set_len(length(file.metadata().unwrap().len())).unwrap();
}

fn overwrite(index: &Path, dice: &mut Dice, size: usize) {
    let path = index.join("db");
    let mut bytes = fs::read(&path).unwrap();
    let at = usize::try_from(dice.below(16)).unwrap() * 512;
    let end = bytes.len().min(at + size);
    let noise = filled(dice, end.saturating_sub(at));
    bytes[end - noise.len()..end].copy_from_slice(&noise);
    fs::write(path, bytes).unwrap();
}

fn on_files(index: &Path, start: &str, harm: impl Fn(&Path)) {
    for entry in fs::read_dir(index).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name().to_str().unwrap().starts_with(start) {
            harm(&entry.path());
        }
    }
}

/// The index is only a copy: whatever becomes of sled's files, every package is listed with its
/// own description, and what was removed does not come back.
#[test]
fn whatever_happens_to_the_index_every_package_is_listed() {
    for (what, harm) in HARMS {
        for turn in 0..4 {
            let (_folder, data, _) = filled_store();
            let store = open(&data).unwrap();
            // Enough history that sled's log has a tail to lose, and a description that changed.
            let doomed = put(&store, 8, 8);
            for thing in 20..20 + turn * 15 {
                put(&store, 1, thing);
            }
            store.remove(&doomed.blob).unwrap();
            let packages = store.packages().to_vec();
            drop(store);
            let after = format!("{what} ({turn})");
            harm(&data.join("index"), &mut Dice(turn));
            let store = open(&data).unwrap_or_else(|e| panic!("after {after}: {e}"));
            all_there(&store, &packages, &after);
            put(&store, 9, 9);
            drop(store);
            assert_eq!(open(&data).unwrap().packages().len(), packages.len() + 1, "{after}");
        }
    }
}

#[test]
fn a_damaged_index_is_rebuilt_under_a_running_store() {
    let (_folder, data, packages) = filled_store();
    let store = open(&data).unwrap();
    overwrite(&data.join("index"), &mut Dice(2), 64 << 10);
    assert_eq!(store.rebuild().unwrap(), packages.len());
    all_there(&store, &packages, "a rebuild");
    store.lent(&packages[0].blob, Timestamp::now());
    store.collect(&|_| true, Timestamp::now() + SignedDuration::from_secs(1)).unwrap();
    drop(store);
    all_there(&open(&data).unwrap(), &packages, "a rebuild and a restart");
}

#[test]
fn a_transfer_damaged_on_the_disk_goes_on_from_its_last_good_part() {
    let folder = memory_folder();
    let data = folder.path().join("data");
    let store = open(&data).unwrap();
    let bytes = content(23);
    let mut incoming = store.incoming(&transfer(23), ticket(23)).unwrap();
    incoming.append(&bytes[..bytes.len() - 1]).unwrap();
    incoming.checkpoint().unwrap();
    drop((incoming, store));
    let incoming_folder = data.join("incoming");
    let part = fs::read_dir(incoming_folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .find(|p| p.extension().is_some_and(|e| e == "part"))
        .unwrap();
    let mut damaged = fs::read(&part).unwrap();
    damaged[(8 << 20) + 77] ^= 4;
    fs::write(&part, damaged).unwrap();
    let store = open(&data).unwrap();
    let mut incoming = store.incoming(&transfer(23), ticket(23)).unwrap();
    assert_eq!(incoming.len(), 8 << 20);
    incoming.append(&bytes[8 << 20..]).unwrap();
    assert_eq!(incoming.commit(describe(23, 1)).unwrap().blob, hash(&bytes));
}
