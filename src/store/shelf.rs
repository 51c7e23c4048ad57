//! What is in the store, as memory knows it: the list every reader sees.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use jiff::Timestamp;

use super::{BlobId, Sidecar};

/// One consistent view of the packages. Never changed: a new one takes its place.
#[derive(Debug, Default)]
pub struct Shelf {
    /// All, oldest first.
    pub packages: Arc<Vec<Arc<Sidecar>>>,
    /// The newest of each holding and media type.
    pub current: Arc<Vec<Arc<Sidecar>>>,
    by_blob: HashMap<BlobId, Arc<Sidecar>>,
    replaced_at: HashMap<BlobId, Timestamp>,
    /// Bytes of all packages.
    pub bytes: u64,
}

impl Shelf {
    pub fn of(mut packages: Vec<Arc<Sidecar>>) -> Self {
        packages.sort_by_key(|p| (p.stored_at, p.blob));
        let mut newest: BTreeMap<(&str, &str), &Arc<Sidecar>> = BTreeMap::new();
        let mut replaced_at = HashMap::new();
        for package in &packages {
            if let Some(older) = newest.insert(package.line(), package) {
                replaced_at.insert(older.blob, package.stored_at);
            }
        }
        let current: Vec<_> = newest.into_values().cloned().collect();
        let by_blob = packages.iter().map(|p| (p.blob, p.clone())).collect();
        let bytes = packages.iter().map(|p| p.size).sum();
        Self {
            packages: Arc::new(packages),
            current: Arc::new(current),
            by_blob,
            replaced_at,
            bytes,
        }
    }

    pub fn get(&self, blob: &BlobId) -> Option<&Arc<Sidecar>> {
        self.by_blob.get(blob)
    }

    /// When a newer version took its place, if one did.
    pub fn replaced_at(&self, blob: &BlobId) -> Option<Timestamp> {
        self.replaced_at.get(blob).copied()
    }

    /// This shelf with one package more (or with a new description).
    pub fn with(&self, package: Arc<Sidecar>) -> Self {
        let mut packages = self.without_list(&package.blob);
        packages.push(package);
        Self::of(packages)
    }

    /// This shelf with one package less.
    pub fn without(&self, blob: &BlobId) -> Self {
        Self::of(self.without_list(blob))
    }

    fn without_list(&self, blob: &BlobId) -> Vec<Arc<Sidecar>> {
        self.packages.iter().filter(|p| p.blob != *blob).cloned().collect()
    }

    /// A moment to store a package of this line at: `now`, or just after the newest one there is,
    /// so that a clock that went back does not make the new version an old one.
    pub fn moment_after(&self, line: (&str, &str), now: Timestamp) -> Timestamp {
        let newest = self.current.iter().find(|p| p.line() == line).map(|p| p.stored_at);
        let step = jiff::SignedDuration::from_nanos(1);
        newest.filter(|n| *n >= now).and_then(|n| n.checked_add(step).ok()).unwrap_or(now)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Description, *};

    fn package(byte: u8, holding: &str, seconds: i64) -> Arc<Sidecar> {
        Arc::new(Sidecar {
            schema: 1,
            blob: BlobId([byte; 32]),
            size: 10,
            stored_at: Timestamp::from_second(seconds).unwrap(),
            description: Description {
                holding: holding.into(),
                identifiers: vec![holding.into()],
                title: holding.into(),
                publisher: None,
                media_type: "application/epub+zip".into(),
                version: String::new(),
                origin: String::new(),
            },
        })
    }

    #[test]
    fn the_newest_version_is_current_and_says_when_it_replaced_the_older() {
        let shelf = Shelf::of(vec![package(2, "a", 20), package(1, "a", 10), package(3, "b", 5)]);
        let current: Vec<_> = shelf.current.iter().map(|p| p.blob.0[0]).collect();
        assert_eq!(current, [2, 3]);
        assert_eq!(shelf.replaced_at(&BlobId([1; 32])), Timestamp::from_second(20).ok());
        assert_eq!(shelf.replaced_at(&BlobId([2; 32])), None);
        assert_eq!(shelf.without(&BlobId([2; 32])).current[0].blob.0[0], 1);
        assert_eq!(shelf.bytes, 30);
    }

    #[test]
    fn a_clock_that_went_back_does_not_make_a_new_version_old() {
        let shelf = Shelf::of(vec![package(1, "a", 100)]);
        let line = ("a", "application/epub+zip");
        assert!(shelf.moment_after(line, Timestamp::UNIX_EPOCH) > shelf.current[0].stored_at);
        let later = Timestamp::from_second(200).unwrap();
        assert_eq!(shelf.moment_after(line, later), later);
    }
}
