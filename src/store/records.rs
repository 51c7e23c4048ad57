//! Many small records of other rooms that change often and may be lost with the index: sessions,
//! the state of device passes. What must outlive a lost index is a document.

use super::{Store, StoreError};

/// Largest record, in bytes.
pub const MAX_RECORD_BYTES: usize = 16 * 1024;
/// Records read of one kind; further ones are left where they are.
const MAX_RECORDS: usize = 200_000;

/// A record to write, or to remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordChange {
    /// What sort of record it is, without a zero byte.
    pub kind: &'static str,
    /// Its key among those of its kind.
    pub key: Vec<u8>,
    /// Its bytes; `None` removes it.
    pub value: Option<Vec<u8>>,
}

impl RecordChange {
    /// The key in the index: the kind, a zero byte, the key.
    pub(super) fn whole_key(&self) -> Vec<u8> {
        let mut whole = prefix(self.kind);
        whole.extend_from_slice(&self.key);
        whole
    }
}

/// What the keys of a kind begin with.
fn prefix(kind: &str) -> Vec<u8> {
    let mut prefix = kind.as_bytes().to_vec();
    prefix.push(0);
    prefix
}

impl Store {
    /// The bytes of every record of a kind.
    pub fn records(&self, kind: &str) -> Result<Vec<Vec<u8>>, StoreError> {
        self.shared.index()?.records(&prefix(kind), MAX_RECORDS)
    }

    /// Makes the changes, all or none, durably. One that is too large is left out: it was made by
    /// the box itself, so nobody loses by it.
    pub fn change_records(&self, changes: &[RecordChange]) -> Result<(), StoreError> {
        let fits = |change: &&RecordChange| {
            change.value.as_ref().is_none_or(|value| value.len() <= MAX_RECORD_BYTES)
        };
        let changes: Vec<_> = changes
            .iter()
            .filter(fits)
            .map(|change| (change.whole_key(), change.value.as_deref()))
            .collect();
        let mut index = self.shared.index()?;
        index.change_records(&changes)?;
        index.barrier()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreOptions;

    fn open(path: &std::path::Path) -> Store {
        Store::open(StoreOptions {
            path: path.to_owned(),
            quota: None,
            reserve: 0,
            keep_replaced: std::time::Duration::ZERO,
        })
        .unwrap()
    }

    fn change(key: &str, value: Option<&str>) -> RecordChange {
        let value = value.map(|text| text.as_bytes().to_vec());
        RecordChange { kind: "session", key: key.into(), value }
    }

    #[test]
    fn records_are_there_again_after_a_restart_and_go_with_a_lost_index() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        let too_large = "x".repeat(MAX_RECORD_BYTES + 1);
        let changes =
            [change("a", Some("1")), change("b", Some("2")), change("c", Some(&too_large))];
        store.change_records(&changes).unwrap();
        store.change_records(&[change("b", None)]).unwrap();
        drop(store);
        let store = open(folder.path());
        assert_eq!(store.records("session").unwrap(), [b"1".to_vec()]);
        assert!(store.records("sess").unwrap().is_empty(), "a kind is a whole word");
        store.rebuild().unwrap();
        assert!(store.records("session").unwrap().is_empty());
    }
}
