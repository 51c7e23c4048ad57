//! A disk that fills up: a clear error, nothing lost, and work again when there is room.

#![allow(clippy::unwrap_used, reason = "a test may; these have functions beside their tests")]

#[path = "support/small_disk.rs"]
mod small_disk;
#[path = "support/store_writer.rs"]
mod store_writer;

use std::{fs, path::Path};

use preau::store::{BlobId, Description, Store, StoreError, StoreOptions, Ticket};
use small_disk::SmallDisk;
use store_writer::{Dice, describe, document, filled, hash};

const DISK_MIB: u64 = 24;
const RESERVE: u64 = 4 << 20;
/// More packages than the disk can take.
const MANY: u64 = 200;

fn open(data: &Path, reserve: u64) -> Result<Store, StoreError> {
    let keep_replaced = std::time::Duration::from_hours(1);
    Store::open(StoreOptions { path: data.to_owned(), quota: None, reserve, keep_replaced })
}

/// The bytes of a package of about 1 MiB.
fn bytes(number: u64) -> Vec<u8> {
    let size = 700_000 + usize::try_from(number % 7).unwrap() * 100_000;
    filled(&mut Dice(number), size)
}

/// Stores a package, its length announced or not.
fn put(store: &Store, number: u64, announced: bool) -> Result<BlobId, StoreError> {
    let bytes = bytes(number);
    let length = announced.then_some(bytes.len() as u64);
    let ticket = Ticket { url: format!("http://origin/{number}"), length, ..Ticket::default() };
    let mut incoming = store.incoming(&format!("transfer {number}"), ticket)?;
    let here = usize::try_from(incoming.len()).unwrap();
    for piece in bytes[here..].chunks(64 << 10) {
        incoming.append(piece)?;
    }
    let description: Description = describe(number, number);
    incoming.commit(description).map(|kept| kept.blob)
}

fn all_there(store: &Store, numbers: &[u64]) {
    for number in numbers {
        let package = store.package(&hash(&bytes(*number)));
        assert_eq!(package.unwrap().description, describe(*number, *number));
    }
    let verified = store.verify(&mut |_, _| true).unwrap();
    assert_eq!(verified.damaged, []);
}

/// Stores until the disk is full; what was stored, and what was said then.
fn put_until_full(store: &Store, announced: bool) -> (Vec<u64>, StoreError) {
    let mut stored = Vec::new();
    for number in 0..MANY {
        match put(store, number, announced) {
            Ok(_) => stored.push(number),
            Err(error) => return (stored, error),
        }
    }
    panic!("{MANY} packages fit on {DISK_MIB} MiB");
}

#[test]
fn a_full_disk_is_said_clearly_loses_nothing_and_works_again_when_there_is_room() {
    let mut lost = 0;
    for (reserve, announced) in [(RESERVE, true), (RESERVE, false), (0, true), (0, false)] {
        let Some(disk) = SmallDisk::mount(DISK_MIB) else { return };
        let store = open(&disk.path().join("data"), reserve).unwrap();
        let (stored, error) = put_until_full(&store, announced);
        let hint = format!("reserve {reserve}, announced {announced}: {error}");
        assert!(error.is_full(), "{hint}");
        assert!(error.to_string().contains("no room on the disk of"), "{hint}");
        eprintln!("{} packages, then: {error}", stored.len());
        assert!(stored.len() > 10, "{hint}");
        if reserve > 0 {
            let free = store.usage().unwrap().free;
            assert!(free + (256 << 10) >= reserve, "{free} bytes free; {hint}");
        }
        all_there(&store, &stored);
        lost += stored.len() - store.packages().len();
        // Room is made, without a restart.
        for number in &stored[..4] {
            store.remove(&hash(&bytes(*number))).unwrap_or_else(|e| panic!("{hint}: {e}"));
        }
        put(&store, MANY, announced).unwrap_or_else(|e| panic!("{hint}, then {e}"));
        store.keep_document("list", &document(1)).unwrap();
        drop(store);
        let store = open(&disk.path().join("data"), reserve).unwrap();
        all_there(&store, &stored[4..]);
        all_there(&store, &[MANY]);
        assert_eq!(store.document("list").unwrap().unwrap(), document(1));
    }
    eprintln!("disks filled: 4, lost: {lost}");
}

/// Another program took every byte: the store's own small files and sled meet a full disk.
#[test]
fn a_disk_without_one_free_byte_stops_nothing_but_writing() {
    let Some(disk) = SmallDisk::mount(DISK_MIB) else { return };
    let store = open(&disk.path().join("data"), 0).unwrap();
    for number in 0..5 {
        put(&store, number, true).unwrap();
    }
    store.keep_document("list", &document(1)).unwrap();
    let begun = Ticket { url: "http://origin/begun".into(), ..Ticket::default() };
    let mut incoming = store.incoming("begun", begun.clone()).unwrap();
    incoming.append(&[1; 1000]).unwrap();
    let filler = disk.fill();
    for _ in 0..3 {
        let refused = put(&store, 6, false).unwrap_err();
        assert!(refused.is_full(), "{refused:?}");
        let refused = store.keep_document("list", &document(250)).unwrap_err();
        assert!(refused.is_full(), "{refused:?}");
        assert_eq!(store.document("list").unwrap().unwrap(), document(1));
    }
    assert!(incoming.checkpoint().is_err());
    drop(incoming);
    // sled has no room for a long time, too: lendings and rebuilds fail or not, nothing is lost.
    for turn in 0..2000 {
        let at = jiff::Timestamp::from_second(turn).unwrap();
        store.packages().iter().for_each(|p| store.lent(&p.blob, at));
        let _ = store.collect(&|_| true, at);
    }
    let _ = store.rebuild();
    all_there(&store, &[0, 1, 2, 3, 4]);
    // Removing needs no room, or says that it does; it is the way out.
    store.remove(&hash(&bytes(0))).unwrap();
    fs::remove_file(filler).unwrap();
    put(&store, 6, true).unwrap();
    all_there(&store, &[1, 2, 3, 4, 6]);
    drop(store);
    // Opening on a full disk: reading is what counts.
    let filler = disk.fill();
    let store = open(&disk.path().join("data"), 0).unwrap();
    all_there(&store, &[1, 2, 3, 4, 6]);
    assert!(put(&store, 7, true).unwrap_err().is_full());
    drop(store);
    fs::remove_file(filler).unwrap();
    let store = open(&disk.path().join("data"), 0).unwrap();
    put(&store, 7, true).unwrap();
    all_there(&store, &[1, 2, 3, 4, 6, 7]);
    assert!(store.package(&hash(&bytes(0))).is_none());
}
