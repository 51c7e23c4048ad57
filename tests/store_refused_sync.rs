//! A disk that refuses `fsync` never makes the store say "done" of what may be lost, and the
//! store goes on, without a restart, when the disk does.

#![allow(clippy::unwrap_used, reason = "a test may; these have functions beside their tests")]

#[path = "support/store_writer.rs"]
mod store_writer;

use std::sync::{Mutex, MutexGuard, PoisonError};

use preau::store::{BlobId, Store, StoreError};
use store_writer::{content, describe, document, hash, memory_folder, open, ticket, transfer};

/// Failpoints are the whole process's: one test at a time.
static FAILPOINTS: Mutex<()> = Mutex::new(());
/// More syncs than the story makes.
const MANY_SYNCS: u64 = 300;
const POINT: &str = "store::sync";

struct Alone(#[allow(dead_code, reason = "held")] MutexGuard<'static, ()>);

impl Drop for Alone {
    fn drop(&mut self) {
        fail::remove(POINT);
    }
}

fn alone() -> Alone {
    Alone(FAILPOINTS.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The disk accepts so many syncs, and then refuses `refused` of them.
fn refuse(after: u64, refused: u64) {
    fail::cfg(POINT, &format!("{after}*off->{refused}*return->off")).unwrap();
}

fn put(store: &Store, number: u64, thing: u64) -> Result<BlobId, StoreError> {
    let bytes = content(number);
    let mut incoming = store.incoming(&transfer(number), ticket(number))?;
    incoming.append(&bytes[usize::try_from(incoming.len()).unwrap()..])?;
    incoming.commit(describe(number, thing)).map(|kept| kept.blob)
}

fn is_whole(store: &Store, number: u64, thing: u64) -> bool {
    let bytes = content(number);
    store.package(&hash(&bytes)).is_some_and(|p| p.description == describe(number, thing))
        && store.verify(&mut |_, _| true).unwrap().damaged.is_empty()
}

#[test]
fn nothing_is_done_while_the_disk_refuses_every_sync() {
    let _alone = alone();
    let folder = memory_folder();
    let data = folder.path().join("data");
    let store = open(&data).unwrap();
    let kept = put(&store, 1, 1).unwrap();
    store.keep_document("list", &document(1)).unwrap();
    let mut begun = store.incoming(&transfer(2), ticket(2)).unwrap();
    begun.append(&content(2)).unwrap();
    fail::cfg(POINT, "return").unwrap();
    let refused = begun.checkpoint();
    assert!(matches!(refused, Err(StoreError::NotDurable { .. })), "{refused:?}");
    let again = begun.checkpoint();
    assert!(
        matches!(again, Err(StoreError::Failed { .. })),
        "a second try proves nothing: {again:?}"
    );
    assert!(matches!(begun.append(b"x"), Err(StoreError::Failed { .. })));
    assert!(begun.commit(describe(2, 2)).is_err());
    for result in [put(&store, 3, 3).map(drop), store.keep_document("list", &document(2))] {
        let error = result.unwrap_err();
        assert!(matches!(error, StoreError::NotDurable { .. }), "{error:?}");
        assert!(error.to_string().contains("could not make"), "{error}");
    }
    assert!(store.remove(&kept).is_err());
    assert!(store.rebuild().is_err());
    assert!(store.packages().iter().all(|p| p.blob == kept), "only what was stored before");
    fail::remove(POINT);
    // The disk is well again: so is the store, at once.
    for number in [1, 2, 3] {
        put(&store, number, 10 + number).unwrap();
        assert!(is_whole(&store, number, 10 + number));
    }
    drop(store);
    let store = open(&data).unwrap();
    assert!((1..4).all(|number| is_whole(&store, number, 10 + number)));
    assert!(store.document("list").unwrap().is_some());
}

/// What the story did, as the store acknowledged it.
#[derive(Default, Debug)]
struct Acknowledged {
    packages: Vec<(u64, u64)>,
    removed: Vec<u64>,
    document: Option<u64>,
    /// The document that may have taken the other's place.
    tried: Option<u64>,
    refused: u64,
}

fn story(store: &Store) -> Acknowledged {
    let mut told = Acknowledged::default();
    for (thing, number) in (1..).zip([1, 2, 3, 1, 6]) {
        told.tried = Some(thing);
        match store.keep_document("list", &document(thing)) {
            Ok(()) => told.document = Some(thing),
            Err(_) => told.refused += 1,
        }
        match put(store, number, thing) {
            Ok(_) => {
                told.packages.retain(|(n, _)| *n != number);
                told.packages.push((number, thing));
            }
            Err(_) => told.refused += 1,
        }
    }
    if store.package(&hash(&content(2))).is_some() {
        // Either way nothing may be said of it afterwards, but that a removal done is done.
        told.packages.retain(|(n, _)| *n != 2);
        match store.remove(&hash(&content(2))) {
            Ok(()) => told.removed.push(2),
            Err(_) => told.refused += 1,
        }
    }
    told.refused += u64::from(store.rebuild().is_err());
    told.refused += u64::from(store.collect(&|_| true, jiff::Timestamp::now()).is_err());
    told
}

#[test]
fn whichever_sync_is_refused_nothing_acknowledged_is_lost() {
    let _alone = alone();
    for refused in [1, 2, 5] {
        let mut syncs = 0;
        for after in 0..MANY_SYNCS {
            let folder = memory_folder();
            let data = folder.path().join("data");
            let store = open(&data).unwrap();
            refuse(after, refused);
            let told = story(&store);
            fail::remove(POINT);
            let hint = format!("{refused} syncs refused after {after}: {told:?}");
            assert_told(&store, &told, &hint);
            // Without a restart, it goes on.
            put(&store, 4, 40).unwrap_or_else(|e| panic!("{hint}: {e}"));
            drop(store);
            let store = open(&data).unwrap();
            assert_told(&store, &told, &hint);
            assert!(is_whole(&store, 4, 40), "{hint}");
            syncs = after;
            if told.refused == 0 {
                break;
            }
        }
        eprintln!("syncs refused: each of {syncs}, {refused} at a time; false 'done': 0");
        assert!((20..MANY_SYNCS - 1).contains(&syncs), "{syncs} syncs were refused");
    }
}

fn assert_told(store: &Store, told: &Acknowledged, hint: &str) {
    for (number, thing) in &told.packages {
        let found = store.package(&hash(&content(*number)));
        // A later try that was refused may have gone through all the same.
        let version = found.as_ref().and_then(|p| p.description.version.parse::<u64>().ok());
        assert!(version >= Some(*thing), "{number} is {found:?}: {hint}");
    }
    for number in &told.removed {
        assert!(store.package(&hash(&content(*number))).is_none(), "{number} is back: {hint}");
    }
    let there = store.document("list").unwrap();
    if let Some(sure) = told.document {
        let allowed = (sure..=told.tried.unwrap()).map(|n| Some(document(n)));
        assert!(allowed.into_iter().any(|d| d == there), "the document: {hint}");
    }
    let verified = store.verify(&mut |_, _| true).unwrap();
    assert!(verified.damaged.is_empty(), "{hint}: {verified:?}");
}

#[test]
fn a_store_is_not_opened_on_a_disk_that_refuses_syncs_and_nothing_is_lost() {
    let _alone = alone();
    let folder = memory_folder();
    let data = folder.path().join("data");
    fail::cfg(POINT, "return").unwrap();
    assert!(open(&data).is_err());
    fail::remove(POINT);
    put(&open(&data).unwrap(), 1, 1).unwrap();
    std::fs::remove_dir_all(data.join("index")).unwrap();
    fail::cfg(POINT, "return").unwrap();
    assert!(open(&data).is_err(), "the index could not be made durable");
    fail::remove(POINT);
    assert!(is_whole(&open(&data).unwrap(), 1, 1));
}
