//! What the mirror asks of the store beside transfers: its retry list, older versions, room.

use std::{collections::HashMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};

use crate::{
    catalogue::{Holding, Holdings},
    mirror::{
        plan::{self, Key},
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

/// The version that a new one would replace.
pub(super) fn older(store: &Store, key: &Key) -> Option<Arc<Sidecar>> {
    let is_it = |sidecar: &&Arc<Sidecar>| {
        sidecar.description.holding == key.holding
            && sidecar.description.media_type == key.media_type
    };
    store.current().iter().find(is_it).cloned()
}

/// Must a package stay? What is licensed must, and everything while a source fails: its silence
/// takes nobody's rights away.
fn keeper(holdings: &Holdings, now: Timestamp) -> impl Fn(&Sidecar) -> bool + use<> {
    let sure = !holdings.sources.is_empty()
        && holdings
            .sources
            .iter()
            .all(|source| source.failure.is_none() && source.good_at.is_some());
    let holdings: HashMap<String, Arc<Holding>> =
        holdings.all.iter().map(|holding| (holding.id.clone(), holding.clone())).collect();
    move |sidecar| match holdings.get(&sidecar.description.holding) {
        Some(holding) => plan::is_licensed(holding, now),
        None => !sure,
    }
}

pub(super) async fn collect(store: &Store, holdings: Arc<Holdings>, now: Timestamp) {
    let store = store.clone();
    let freed = blocking(move || store.collect(&keeper(&holdings, now), now)).await;
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
        let keep = keeper(&holdings, now);
        Ok(store.collect(&keep, now)? + store.make_room(needed.unwrap_or(0), &keep)?)
    };
    blocking(make).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "no room could be made");
        0
    })
}
