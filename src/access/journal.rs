//! What memory knows and the disk does not yet: written together a moment later, so that a
//! thousand sign-ins at the start of class cost a few syncs.

use std::{collections::BTreeMap, sync::Mutex};

use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::Notify;

use super::lock;
use crate::store::{RecordChange, Store, StoreError};

/// Records of sessions.
pub(super) const SESSION: &str = "session";
/// Records of device passes.
pub(super) const PASS: &str = "pass";
/// Records of help codes.
pub(super) const CODE: &str = "code";
/// The one record of the clock.
pub(super) const CLOCK: &str = "clock";

type Pending = BTreeMap<(&'static str, Vec<u8>), Option<Vec<u8>>>;

/// Changes to write. The last one of a record counts, so there are never more than records.
#[derive(Debug, Default)]
pub(super) struct Journal {
    pending: Mutex<Pending>,
    pub(super) wake: Notify,
}

impl Journal {
    pub(super) fn put<T: Serialize>(&self, kind: &'static str, key: &[u8], record: &T) {
        // Plain records: their JSON cannot fail. Were it to, the record would be lost with the
        // process and no more.
        let Ok(bytes) = serde_json::to_vec(record) else { return };
        lock(&self.pending).insert((kind, key.to_vec()), Some(bytes));
        self.wake.notify_one();
    }

    pub(super) fn remove(&self, kind: &'static str, key: &[u8]) {
        lock(&self.pending).insert((kind, key.to_vec()), None);
        self.wake.notify_one();
    }

    /// Writes what is pending; what fails stays so. Blocking.
    pub(super) fn write(&self, store: &Store) -> Result<(), StoreError> {
        let taken = std::mem::take(&mut *lock(&self.pending));
        if taken.is_empty() {
            return Ok(());
        }
        let changes: Vec<RecordChange> = taken
            .into_iter()
            .map(|((kind, key), value)| RecordChange { kind, key, value })
            .collect();
        let written = store.change_records(&changes);
        if written.is_err() {
            let mut pending = lock(&self.pending);
            for RecordChange { kind, key, value } in changes {
                pending.entry((kind, key)).or_insert(value);
            }
        }
        written
    }
}

/// The records of a kind; one that cannot be read, or no index at all, costs a sign-in. Blocking.
pub(super) fn read<T: DeserializeOwned>(store: &Store, kind: &str) -> Vec<T> {
    let records = store.records(kind).unwrap_or_else(|error| {
        tracing::warn!(kind, %error, "records cannot be read: people sign in again");
        Vec::new()
    });
    records.iter().filter_map(|bytes| serde_json::from_slice(bytes).ok()).collect()
}
