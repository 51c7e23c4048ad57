//! What this room's tests share.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use tempfile::TempDir;

use super::{Access, Person, Role, Session, Way, enter::Entry};
use crate::{
    config,
    store::{Store, StoreOptions},
};

/// The school of the tests.
pub(super) const SCHOOL: &str = "0510035L";
/// A moment in November 2026.
pub(super) const NOW: i64 = 1_795_600_000;

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(NOW + seconds).unwrap()
}

pub(super) fn open_store(folder: &TempDir) -> Store {
    Store::open(StoreOptions {
        path: folder.path().to_owned(),
        quota: None,
        reserve: 0,
        keep_replaced: Duration::ZERO,
    })
    .unwrap()
}

pub(super) fn store() -> (Store, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (open_store(&folder), folder)
}

pub(super) fn school() -> config::School {
    config::School {
        uai: SCHOOL.parse().unwrap(),
        name: "Lycée".to_owned(),
        timezone: "Europe/Paris".to_owned(),
    }
}

/// A box with these settings on this store.
pub(super) fn room_with(access: &config::Access, store: Store) -> Access {
    let https = config::Https { name: Some("box.example".to_owned()), ..config::Https::default() };
    let network = config::Network::default();
    Access::open_at(&school(), access, &https, &network, store, at(0)).unwrap()
}

/// A box as it comes.
pub(super) fn room() -> (Access, TempDir) {
    let (store, folder) = store();
    (room_with(&config::Access::default(), store), folder)
}

pub(super) fn person(id: &str, role: Role) -> Person {
    Person {
        id: id.to_owned(),
        role,
        uais: vec![SCHOOL.parse().unwrap()],
        classes: vec!["2DE 3".to_owned()],
    }
}

impl Access {
    /// Somebody of this role, signed in.
    pub(crate) fn a_session(&self, role: Role, now: Timestamp) -> Arc<Session> {
        let person = person("somebody", role);
        let entry = Entry { person, way: Way::Pass, ticket: None, pass: None, until: None };
        self.open_session(entry, &http::HeaderMap::new(), now).0
    }
}

/// Every file in a folder and those below it.
pub(super) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}
