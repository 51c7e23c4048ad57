//! What tables of contents say, for the search: each package is opened once for it, and what was
//! found is kept as a document, so that a restart opens none again.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{fold, packages::Packages};
use crate::store::{BlobId, Sidecar, Store};

/// Lines of one table that are looked at.
const MAX_LINES: usize = 600;
/// Bytes of different words kept of one table.
const MAX_WORDS_BYTES: usize = 12 * 1024;
/// Packages read before what was found is kept and shown.
const AT_A_TIME: usize = 64;
const DOCUMENT: &str = "tables-of-contents";

/// Words of the tables of contents, by package.
#[derive(Debug)]
pub struct Tables {
    store: Store,
    /// Nothing for a package that could not be opened: it is tried again after a restart.
    words: Mutex<HashMap<BlobId, Option<Arc<str>>>>,
}

impl Tables {
    /// With what was kept. Blocking.
    pub fn open(store: Store) -> Self {
        let kept = store.document(DOCUMENT).ok().flatten();
        let words: HashMap<String, Box<str>> =
            kept.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        let words = words
            .into_iter()
            .filter_map(|(blob, words)| Some((blob.parse().ok()?, Some(words.into()))));
        Self { store, words: Mutex::new(words.collect()) }
    }

    /// What is known of a package: folded words with blanks between.
    pub fn words(&self, blob: &BlobId) -> Option<Arc<str>> {
        self.known().get(blob).cloned().flatten()
    }

    fn known(&self) -> MutexGuard<'_, HashMap<BlobId, Option<Arc<str>>>> {
        self.words.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the next tables that are not known; `false` when there was none to read. May be
    /// dropped at any await: what was read stays known.
    pub async fn learn(&self, packages: &Packages) -> bool {
        let current = self.store.current();
        let unknown: Vec<_> = {
            let known = self.known();
            current.iter().filter(|p| !known.contains_key(&p.blob)).take(AT_A_TIME).collect()
        };
        for package in &unknown {
            let lines = packages.contents(package, MAX_LINES).await;
            self.known().insert(package.blob, lines.map(|lines| words_of(&lines)));
        }
        if unknown.is_empty() {
            return false;
        }
        self.keep(&current).await;
        true
    }

    async fn keep(&self, current: &[Arc<Sidecar>]) {
        let here: HashSet<BlobId> = current.iter().map(|package| package.blob).collect();
        let kept: HashMap<String, Box<str>> = {
            let mut known = self.known();
            known.retain(|blob, _| here.contains(blob));
            known
                .iter()
                .filter_map(|(blob, words)| Some((blob.to_string(), words.as_deref()?.into())))
                .collect()
        };
        let store = self.store.clone();
        let keeping = tokio::task::spawn_blocking(move || {
            let bytes = serde_json::to_vec(&kept).unwrap_or_default();
            store.keep_document(DOCUMENT, &bytes)
        });
        if let Ok(Err(error)) = keeping.await {
            tracing::warn!(%error, "tables of contents not kept: read again after a restart");
        }
    }
}

/// The different words of some lines, folded.
fn words_of(lines: &[String]) -> Arc<str> {
    let words: BTreeSet<String> = lines.iter().flat_map(|line| fold::words(line)).collect();
    let mut joined = String::new();
    for word in words {
        if joined.len() + word.len() >= MAX_WORDS_BYTES {
            break;
        }
        joined.push_str(&word);
        joined.push(' ');
    }
    joined.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_table_are_folded_told_once_and_bounded() {
        let lines =
            ["Chapitre 1 : Les Suites".into(), "Chapitre 2 : les suites récurrentes".into()];
        assert_eq!(&*words_of(&lines), "1 2 chapitre les recurrentes suites ");
        let many: Vec<String> = (0..100_000).map(|n| format!("mot{n}")).collect();
        assert!(words_of(&many).len() <= MAX_WORDS_BYTES);
    }
}
