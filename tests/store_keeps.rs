//! The store keeps packages: resumed at any byte, replaced by newer ones, evicted in order,
//! within its quota.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use preau::store::{BlobId, Description, Store, StoreError, StoreOptions, Ticket};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

const MIB: usize = 1 << 20;

fn open(folder: &TempDir, quota: Option<u64>) -> Store {
    let path = folder.path().join("data");
    let keep_replaced = Duration::from_hours(1);
    Store::open(StoreOptions { path, quota, reserve: 0, keep_replaced }).unwrap()
}

fn bytes(seed: u8, length: usize) -> Vec<u8> {
    (0..length).map(|i| u8::try_from((i * 7 + i / 251) % 256).unwrap() ^ seed).collect()
}

fn hash(bytes: &[u8]) -> BlobId {
    BlobId(Sha256::digest(bytes).into())
}

fn about(holding: &str, version: &str) -> Description {
    Description {
        holding: holding.into(),
        identifiers: vec![holding.into()],
        title: format!("Manuel {holding}"),
        publisher: None,
        media_type: "application/epub+zip".into(),
        version: version.into(),
        origin: "test".into(),
    }
}

fn ticket(bytes: &[u8]) -> Ticket {
    Ticket {
        url: "http://origin/x".into(),
        etag: None,
        length: Some(bytes.len() as u64),
        sha256: Some(hash(bytes)),
    }
}

fn put(store: &Store, holding: &str, version: &str, bytes: &[u8]) -> BlobId {
    let mut incoming = store.incoming(holding, ticket(bytes)).unwrap();
    incoming.append(bytes).unwrap();
    incoming.commit(about(holding, version)).unwrap().blob
}

#[test]
fn a_transfer_goes_on_after_a_restart_where_it_was_durable() {
    let folder = tempfile::tempdir().unwrap();
    let all = bytes(3, 20 * MIB + 17);
    for cut in [1, MIB, 8 * MIB, 8 * MIB + 1, 19 * MIB] {
        let store = open(&folder, None);
        let mut incoming = store.incoming("x", ticket(&all)).unwrap();
        let from = usize::try_from(incoming.len()).unwrap();
        assert!(from <= cut);
        incoming.append(&all[from..cut]).unwrap();
        incoming.checkpoint().unwrap();
    }
    let store = open(&folder, None);
    let mut incoming = store.incoming("x", ticket(&all)).unwrap();
    assert_eq!(incoming.len(), 19 * MIB as u64);
    incoming.append(&all[19 * MIB..]).unwrap();
    let kept = incoming.commit(about("x", "1")).unwrap();
    assert_eq!((kept.blob, kept.size), (hash(&all), all.len() as u64));
    drop(store);
    let again = open(&folder, None);
    assert_eq!(again.packages().as_slice(), [kept]);
}

#[test]
fn another_copy_at_the_origin_starts_anew() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, None);
    let first = Ticket { etag: Some("\"1\"".into()), url: "u".into(), ..Ticket::default() };
    let mut incoming = store.incoming("x", first.clone()).unwrap();
    incoming.append(b"abc").unwrap();
    incoming.checkpoint().unwrap();
    assert!(matches!(store.incoming("x", first.clone()), Err(StoreError::Busy { .. })));
    drop(incoming);
    assert_eq!(store.incoming("x", first.clone()).unwrap().len(), 3);
    let other = Ticket { etag: Some("\"2\"".into()), ..first };
    assert_eq!(store.incoming("x", other).unwrap().len(), 0);
}

#[test]
fn wrong_bytes_never_become_a_package() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, None);
    let (good, bad) = (bytes(1, 1000), bytes(2, 1000));
    let mut incoming = store.incoming("x", ticket(&good)).unwrap();
    incoming.append(&bad).unwrap();
    assert!(matches!(incoming.append(b"!"), Err(StoreError::TooLong { announced: 1000, .. })));
    let refused = incoming.commit(about("x", "1"));
    assert!(matches!(refused, Err(StoreError::WrongHash { .. })), "{refused:?}");
    let mut incoming = store.incoming("x", ticket(&good)).unwrap();
    assert!(incoming.is_empty(), "the wrong bytes are gone");
    incoming.append(&good[..999]).unwrap();
    let refused = incoming.commit(about("x", "1"));
    assert!(matches!(refused, Err(StoreError::TooShort { got: 999, .. })), "{refused:?}");
    assert_eq!(store.incoming("x", ticket(&good)).unwrap().len(), 999);
    assert!(store.packages().is_empty());
}

#[test]
fn a_new_version_replaces_the_old_which_stays_readable_for_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, None);
    let mut changes = store.changes();
    let old = put(&store, "a", "1", &bytes(1, 5000));
    let new = put(&store, "a", "2", &bytes(2, 5000));
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    let current: Vec<_> = store.current().iter().map(|p| p.blob).collect();
    assert_eq!(current, [new]);
    assert!(store.open_blob(&old).is_ok());
    let keep_all = |_: &_| true;
    let now = Timestamp::now();
    assert_eq!(store.collect(&keep_all, now).unwrap(), 0);
    let later = now + SignedDuration::from_hours(2);
    assert_eq!(store.collect(&keep_all, later).unwrap(), 5000);
    assert!(matches!(store.open_blob(&old), Err(StoreError::Unknown { .. })));
    assert!(store.open_blob(&new).is_ok());
    assert!(changes.has_changed().unwrap());
}

#[test]
fn the_quota_is_never_passed_and_what_was_lent_longest_ago_makes_room() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, Some(4000));
    let kept = put(&store, "kept", "1", &bytes(1, 1000));
    let stale = put(&store, "stale", "1", &bytes(2, 1000));
    let fresh = put(&store, "fresh", "1", &bytes(3, 1000));
    let now = Timestamp::now();
    store.lent(&stale, now + SignedDuration::from_secs(1));
    store.lent(&fresh, now + SignedDuration::from_secs(2));
    let big = bytes(4, 1500);
    let refused = store.incoming("big", ticket(&big));
    assert!(matches!(refused, Err(StoreError::QuotaFull { used: 3000, needed: 1500, .. })));
    let keep = |p: &preau::store::Sidecar| p.blob == kept;
    assert_eq!(store.make_room(1500, &keep).unwrap(), 1000);
    assert!(store.package(&stale).is_none() && store.package(&fresh).is_some());
    put(&store, "big", "1", &big);
    let usage = store.usage().unwrap();
    assert_eq!((usage.packages, usage.count, usage.incoming), (3500, 3, 0));
    // Two transfers together may not pass it either.
    let one = store.incoming("one", ticket(&bytes(5, 400))).unwrap();
    assert!(store.incoming("two", ticket(&bytes(6, 400))).is_err());
    one.discard().unwrap();
    assert!(store.incoming("two", ticket(&bytes(6, 400))).is_ok());
}

#[test]
fn documents_are_kept_whole_and_damage_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, None);
    assert_eq!(store.document("gar").unwrap(), None);
    store.keep_document("gar", b"one").unwrap();
    store.keep_document("gar", b"two").unwrap();
    assert_eq!(store.document("gar").unwrap().unwrap(), b"two");
    assert!(matches!(store.keep_document("../x", b""), Err(StoreError::DocumentName { .. })));
    let path = folder.path().join("data/documents/gar");
    let mut raw = std::fs::read(&path).unwrap();
    *raw.last_mut().unwrap() ^= 1;
    std::fs::write(&path, raw).unwrap();
    assert_eq!(store.document("gar").unwrap(), None);
    let (a, b) = (Store::document_name("source", "a b"), Store::document_name("source", "a_b"));
    assert_ne!(a, b);
    store.keep_document(&a, b"x").unwrap();
    store.keep_document(&Store::document_name("source", &"é".repeat(200)), b"x").unwrap();
}

#[test]
fn one_process_a_data_folder() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, None);
    let path = folder.path().join("data");
    let options =
        StoreOptions { path, quota: None, reserve: 0, keep_replaced: Duration::from_secs(1) };
    assert!(matches!(Store::open(options.clone()), Err(StoreError::InUse { .. })));
    drop(store);
    assert!(Store::open(options).is_ok());
}

#[test]
fn a_store_opened_as_soon_as_it_was_closed_still_has_its_index() {
    let folder = tempfile::tempdir().unwrap();
    for turn in 0..50 {
        let store = open(&folder, None);
        put(&store, &format!("{turn}"), "1", &bytes(turn, 100));
        drop(store);
    }
    let aside = folder.path().join("data/quarantine").read_dir().unwrap().count();
    assert_eq!(aside, 0, "an index that was whole was set aside");
}
