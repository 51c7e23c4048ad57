//! Which books are here, and where the others are.

use std::collections::{HashMap, HashSet};

use super::house::House;
use crate::{
    catalogue::{Holding, Holdings},
    control::protocol::{HoldingLine, HoldingState, clip},
    mirror::Progress,
    store::Sidecar,
};

/// Every book of the school, in the catalogue's order.
pub(super) fn lines(house: &House) -> Vec<HoldingLine> {
    let holdings = house.catalogue.holdings().borrow().clone();
    let progress = house.mirror.progress().borrow().clone();
    let current = house.store.current();
    let here = Here::of(current.iter().map(AsRef::as_ref));
    let moving = Places::of(&progress);
    holdings.all.iter().map(|holding| line(holding, &here, &moving)).collect()
}

/// How many books have a package here.
pub(super) fn here(house: &House) -> usize {
    let holdings: std::sync::Arc<Holdings> = house.catalogue.holdings().borrow().clone();
    let current = house.store.current();
    let here = Here::of(current.iter().map(AsRef::as_ref));
    holdings.all.iter().filter(|holding| here.size(holding).is_some()).count()
}

/// Sizes of the packages in the store, by every identifier that a book may have been known under
/// when its package came.
struct Here<'a> {
    packages: Vec<&'a Sidecar>,
    by_identifier: HashMap<&'a str, Vec<usize>>,
}

impl<'a> Here<'a> {
    fn of(packages: impl Iterator<Item = &'a Sidecar>) -> Self {
        let packages: Vec<&Sidecar> = packages.collect();
        let mut by_identifier: HashMap<&str, Vec<usize>> = HashMap::new();
        for (place, package) in packages.iter().enumerate() {
            for name in package.description.names().collect::<HashSet<&str>>() {
                by_identifier.entry(name).or_default().push(place);
            }
        }
        Self { packages, by_identifier }
    }

    /// Bytes of a book's packages, if it has any here.
    fn size(&self, holding: &Holding) -> Option<u64> {
        let places: HashSet<usize> = holding
            .names()
            .filter_map(|name| self.by_identifier.get(name))
            .flatten()
            .copied()
            .collect();
        if places.is_empty() {
            return None;
        }
        Some(places.iter().filter_map(|&place| self.packages.get(place)).map(|p| p.size).sum())
    }
}

/// Where the mirror has each book.
struct Places<'a> {
    active: HashSet<&'a str>,
    queued: HashSet<&'a str>,
    failed: HashSet<&'a str>,
}

impl<'a> Places<'a> {
    fn of(progress: &'a Progress) -> Self {
        Self {
            active: progress.active.iter().map(|transfer| transfer.holding.as_str()).collect(),
            queued: progress.queued.iter().map(|transfer| transfer.holding.as_str()).collect(),
            failed: progress.failed.iter().map(|failure| failure.holding.as_str()).collect(),
        }
    }
}

fn line(holding: &Holding, here: &Here<'_>, places: &Places<'_>) -> HoldingLine {
    let id = holding.id.as_str();
    let stored = here.size(holding);
    let state = if stored.is_some() {
        HoldingState::Here
    } else if places.active.contains(id) {
        HoldingState::Fetching
    } else if places.failed.contains(id) {
        HoldingState::Failed
    } else if places.queued.contains(id) {
        HoldingState::Queued
    } else if holding.offers.is_empty() {
        HoldingState::None
    } else {
        HoldingState::NotDue
    };
    HoldingLine {
        id: clip(id),
        title: clip(&holding.title),
        state,
        size: stored.or_else(|| holding.offers.iter().filter_map(|offer| offer.size).max()),
        pupils: holding.assigned_pupils(),
    }
}
