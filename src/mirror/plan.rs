//! What to fetch, in which order, and what may start now: pure functions of data and a moment.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};

use crate::{
    catalogue::{Holding, Holdings, Licence, Offer},
    store::{BlobId, Sidecar},
};

/// A licence is served from this long before it begins: what is read on the first day of term has
/// to be there in the morning.
pub const LEAD: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Names a transfer: one holding has at most one package of each media type.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Canonical identifier of the holding.
    pub holding: String,
    /// Media type of the package.
    pub media_type: String,
}

/// A package to be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its name among transfers.
    pub key: Key,
    /// The holding it is for.
    pub holding: Arc<Holding>,
    /// The offer chosen among those of this media type.
    pub offer: Offer,
    /// Pupils it is assigned to.
    pub pupils: u64,
    /// Bytes still to come, when the size is known.
    pub left: Option<u64>,
    /// End of the last licence that counts now; `None` = it has none.
    pub ends: Option<Timestamp>,
}

impl Wanted {
    /// Scheme, host and port it is fetched from.
    pub fn origin(&self) -> String {
        self.offer.url.origin().ascii_serialization()
    }
}

/// Does this licence count at `now`, or so soon that its package is due?
pub fn counts(licence: &Licence, now: Timestamp) -> bool {
    let begun =
        licence.from.is_none_or(|from| from <= now.saturating_add(LEAD).unwrap_or(Timestamp::MAX));
    begun && licence.until.is_none_or(|until| now < until)
}

/// Is the holding covered at `now`? One without any licence (a free feed) always is.
pub fn is_licensed(holding: &Holding, now: Timestamp) -> bool {
    holding.licences.is_empty() || holding.licences.iter().any(|licence| counts(licence, now))
}

/// Is this package of that holding? By any of its names.
pub fn belongs(sidecar: &Sidecar, holding: &Holding) -> bool {
    holding.names().any(|name| sidecar.description.names().any(|other| other == name))
}

/// What is there already, by what an offer may be recognised by.
struct Present<'a> {
    blobs: HashSet<&'a BlobId>,
    /// Version texts by any identifier and by media type.
    versions: HashMap<(&'a str, &'a str), Vec<&'a str>>,
}

impl<'a> Present<'a> {
    fn of(packages: &'a [Arc<Sidecar>]) -> Self {
        let mut versions: HashMap<_, Vec<_>> = HashMap::new();
        for about in packages.iter().map(|sidecar| &sidecar.description) {
            for name in about.names() {
                let line = (name, about.media_type.as_str());
                versions.entry(line).or_default().push(about.version.as_str());
            }
        }
        Self { blobs: packages.iter().map(|sidecar| &sidecar.blob).collect(), versions }
    }

    /// A hash says it for certain. Without one the version text must be the same; an offer that
    /// has neither is satisfied by any package, since nothing could tell them apart.
    fn has(&self, holding: &Holding, offer: &Offer) -> bool {
        if let Some(blob) = &offer.sha256 {
            return self.blobs.contains(blob);
        }
        holding
            .names()
            .filter_map(|name| self.versions.get(&(name, offer.media_type.as_str())))
            .flatten()
            .any(|version| offer.version.is_empty() || *version == offer.version)
    }
}

/// Better offers of one media type come first: with a hash, then newest, then by address; the
/// rest makes the order total.
fn preference(offer: &Offer) -> impl Ord {
    let better = (offer.sha256.is_none(), Reverse(&offer.version), offer.url.as_str());
    (better, (offer.sha256, offer.size, &offer.source, offer.until))
}

/// The usable offers of a holding, the best of each media type.
fn best_offers(holding: &Holding, now: Timestamp) -> BTreeMap<&str, &Offer> {
    let mut best: BTreeMap<&str, &Offer> = BTreeMap::new();
    for offer in &holding.offers {
        if offer.until.is_some_and(|until| until <= now) {
            continue;
        }
        best.entry(&offer.media_type)
            .and_modify(|kept| {
                if preference(offer) < preference(kept) {
                    *kept = offer;
                }
            })
            .or_insert(offer);
    }
    best
}

/// The place in the queue: most pupils first, then what ends soonest to fetch, then the newer
/// school year, then by name so that the order is total.
fn rank(wanted: &Wanted) -> (Reverse<u64>, u64, Reverse<Timestamp>, &Key) {
    let left = wanted.left.unwrap_or(u64::MAX);
    let ends = wanted.ends.unwrap_or(Timestamp::MAX);
    (Reverse(wanted.pupils), left, Reverse(ends), &wanted.key)
}

/// Every package to fetch, in order. `partial` gives the bytes already kept of some.
pub fn wanted(
    holdings: &Holdings,
    current: &[Arc<Sidecar>],
    partial: &HashMap<Key, u64>,
    now: Timestamp,
) -> Vec<Wanted> {
    let present = Present::of(current);
    let mut queue: Vec<Wanted> = Vec::new();
    let mut seen = HashSet::new();
    for holding in holdings.all.iter().filter(|holding| is_licensed(holding, now)) {
        let counting = || holding.licences.iter().filter(|licence| counts(licence, now));
        for (media_type, offer) in best_offers(holding, now) {
            let key = Key { holding: holding.id.clone(), media_type: media_type.to_owned() };
            if present.has(holding, offer) || !seen.insert(key.clone()) {
                continue;
            }
            let kept = partial.get(&key).copied().unwrap_or(0);
            queue.push(Wanted {
                key,
                holding: holding.clone(),
                offer: offer.clone(),
                pupils: counting()
                    .fold(0, |sum, licence| sum.saturating_add(licence.assigned_pupils)),
                left: offer.size.map(|size| size.saturating_sub(kept)),
                ends: counting().map(|licence| licence.until.unwrap_or(Timestamp::MAX)).max(),
            });
        }
    }
    queue.sort_by(|a, b| rank(a).cmp(&rank(b)));
    queue
}

/// How many transfers may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Places {
    /// At once.
    pub parallel: usize,
    /// At once from one origin.
    pub per_origin: usize,
}

/// The first of the queue that may start: not running, not held by `may` (its retry is due, there
/// is room for it), and with a place left for its origin. One that may not start never stands in
/// the way of the next.
pub fn next_start<'a>(
    queue: &'a [Wanted],
    active: &BTreeMap<Key, String>,
    places: Places,
    may: &dyn Fn(&Wanted) -> bool,
) -> Option<&'a Wanted> {
    if active.len() >= places.parallel {
        return None;
    }
    let running = |origin: &str| active.values().filter(|other| *other == origin).count();
    queue.iter().find(|wanted| {
        !active.contains_key(&wanted.key)
            && may(wanted)
            && running(&wanted.origin()) < places.per_origin
    })
}

/// Next moment at which the plan changes by itself: a licence begins to count or ends, an offer
/// lapses.
pub fn next_change(holdings: &Holdings, now: Timestamp) -> Option<Timestamp> {
    let licences = holdings.all.iter().flat_map(|holding| &holding.licences);
    let offers = holdings.all.iter().flat_map(|holding| &holding.offers);
    licences
        .flat_map(|l| [l.from.and_then(|from| from.saturating_sub(LEAD).ok()), l.until])
        .chain(offers.map(|offer| offer.until))
        .flatten()
        .filter(|moment| *moment > now)
        .min()
}

#[cfg(test)]
#[path = "plan/tests.rs"]
mod tests;
