//! What the mirror asks of the store beside transfers: its retry list, older versions, room.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};

use crate::{
    catalogue::{Holding, Holdings},
    mirror::{
        plan::{self, Wanted},
        retry::Failures,
        sink::blocking,
    },
    store::{Sidecar, Store, StoreError},
};

/// The retry list's document.
const FAILURES: &str = "mirror-failures";
/// Time between two collections.
const COLLECT_EVERY: SignedDuration = SignedDuration::from_hours(1);

pub(super) fn next_collection(now: Timestamp) -> Timestamp {
    now.saturating_add(COLLECT_EVERY).unwrap_or(Timestamp::MAX)
}

/// The retry list as the last run left it; a lost one only makes the next tries come sooner.
pub(super) async fn failures(store: &Store) -> Failures {
    let store = store.clone();
    match blocking(move || store.document(FAILURES)).await {
        Ok(kept) => kept
            .and_then(|bytes| {
                let read = Failures::from_document(&bytes);
                if read.is_none() {
                    tracing::warn!(document = FAILURES, "unreadable, starting with an empty list");
                }
                read
            })
            .unwrap_or_default(),
        Err(error) => {
            tracing::warn!(document = FAILURES, %error, "cannot be read");
            Failures::default()
        }
    }
}

pub(super) async fn keep_failures(store: &Store, failures: &Failures) {
    let (store, bytes) = (store.clone(), failures.to_document());
    if let Err(error) = blocking(move || store.keep_document(FAILURES, &bytes)).await {
        tracing::warn!(document = FAILURES, %error, "cannot be kept");
    }
}

/// The version that a new one would replace, the one under the canonical name first.
pub(super) fn older(store: &Store, wanted: &Wanted) -> Option<Arc<Sidecar>> {
    let current = store.current();
    let lines = current.iter().filter(|sidecar| {
        sidecar.description.media_type == wanted.key.media_type
            && plan::belongs(sidecar, &wanted.holding)
    });
    lines.max_by_key(|sidecar| sidecar.description.holding == wanted.key.holding).cloned()
}

/// Must a package stay? What is licensed must, and everything while a source fails: its silence
/// takes nobody's rights away. One under a name that is no longer the canonical one may go once
/// there is another under that.
fn keeper(
    holdings: &Holdings,
    current: &[Arc<Sidecar>],
    now: Timestamp,
) -> impl Fn(&Sidecar) -> bool + use<> {
    let sure = !holdings.sources.is_empty()
        && holdings.sources.iter().all(|s| s.failure.is_none() && s.good_at.is_some());
    let mut by_name: HashMap<String, Arc<Holding>> = HashMap::new();
    for holding in &holdings.all {
        for name in holding.names() {
            by_name.entry(name.to_owned()).or_insert_with(|| holding.clone());
        }
    }
    let lines = current.iter().map(|s| (&s.description.holding, &s.description.media_type));
    let lines: HashSet<_> = lines.map(|(name, form)| (name.clone(), form.clone())).collect();
    move |sidecar| {
        let about = &sidecar.description;
        let Some(holding) = about.names().find_map(|name| by_name.get(name)) else { return !sure };
        let superseded = about.holding != holding.id
            && lines.contains(&(holding.id.clone(), about.media_type.clone()));
        plan::is_licensed(holding, now) && !superseded
    }
}

pub(super) async fn collect(store: &Store, holdings: Arc<Holdings>, now: Timestamp) {
    let store = store.clone();
    let freed =
        blocking(move || store.collect(&keeper(&holdings, &store.current(), now), now)).await;
    match freed {
        Ok(0) => {}
        Ok(bytes) => tracing::info!(bytes, "packages collected"),
        Err(error) => tracing::warn!(%error, "packages could not be collected"),
    }
}

/// Removes what may go, least recently lent first, for `needed` more bytes. Returns bytes freed.
pub(super) async fn make_room(
    store: &Store,
    holdings: Arc<Holdings>,
    needed: Option<u64>,
    now: Timestamp,
) -> u64 {
    let store = store.clone();
    let make = move || -> Result<u64, StoreError> {
        let keep = keeper(&holdings, &store.current(), now);
        Ok(store.collect(&keep, now)? + store.make_room(needed.unwrap_or(0), &keep)?)
    };
    blocking(make).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "no room could be made");
        0
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalogue::SourceState,
        store::{BlobId, Description},
    };

    fn package(holding: &str, identifiers: &[&str]) -> Arc<Sidecar> {
        Arc::new(Sidecar {
            schema: 1,
            blob: BlobId([1; 32]),
            size: 1,
            stored_at: Timestamp::UNIX_EPOCH,
            description: Description {
                holding: holding.to_owned(),
                identifiers: identifiers.iter().map(|&id| id.to_owned()).collect(),
                title: String::new(),
                publisher: None,
                media_type: "application/pdf".to_owned(),
                version: String::new(),
                origin: String::new(),
            },
        })
    }

    fn holdings(failure: Option<String>) -> Holdings {
        let book: Holding = serde_json::from_value(serde_json::json!({
            "id": "ark:/1/a", "identifiers": ["ark:/1/a", "isbn:1"], "title": "A", "subjects": [],
            "levels": [], "manual": true, "licences": [], "offers": [],
        }))
        .unwrap();
        let good_at = Some(Timestamp::UNIX_EPOCH);
        let name = "gar".to_owned();
        let source = SourceState { name, good_at, failure, entries: 1, refused: Vec::new() };
        Holdings { all: vec![Arc::new(book)], sources: vec![source] }
    }

    #[test]
    fn a_failing_source_takes_nothing_away() {
        let unknown = package("isbn:2", &["isbn:2"]);
        let now = Timestamp::UNIX_EPOCH;
        assert!(!keeper(&holdings(None), &[], now)(&unknown));
        assert!(keeper(&holdings(Some("503".to_owned())), &[], now)(&unknown));
        assert!(keeper(&Holdings::default(), &[], now)(&unknown), "nothing is known yet");
    }

    #[test]
    fn a_package_under_a_former_name_stays_until_another_takes_its_place() {
        let former = package("isbn:1", &["isbn:1"]);
        let now = Timestamp::UNIX_EPOCH;
        assert!(keeper(&holdings(None), std::slice::from_ref(&former), now)(&former));
        let newer = package("ark:/1/a", &["ark:/1/a"]);
        let keep = keeper(&holdings(None), &[former.clone(), newer.clone()], now);
        assert!(!keep(&former) && keep(&newer));
    }
}
