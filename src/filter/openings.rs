//! Sites that a teacher opened for a class and for a while. They end by themselves, outlive a
//! restart, and never lift what the region locked.

use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{policy::sites::Sites, target::Target, verdict::Who};
use crate::{
    config::filter::{Site, SiteHost},
    store::{Store, StoreError},
};

/// The longest that a site stays open.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(2);
/// Sites open at once.
const MAX_OPEN: usize = 200;
/// A class network is no wider: 1,022 devices, or what one site of a school has in IPv6.
const WIDEST_V4: u8 = 22;
const WIDEST_V6: u8 = 56;
/// Characters of a reason, and of who opened.
const MAX_TEXT_CHARS: usize = 200;
/// Where they are kept.
const DOCUMENT: &str = "filter-openings";

/// One site, for one network, for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// The site as it is shown.
    pub name: String,
    /// The site.
    pub site: Site,
    /// The class's network.
    pub network: IpNet,
    /// Since when.
    pub from: Timestamp,
    /// First moment at which it is no longer open.
    pub until: Timestamp,
    /// Who opened it: an opaque identifier, or whom the command line named.
    pub by: String,
    /// What for.
    pub reason: String,
}

/// Why a site was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It would stay open for more than [`LONGEST`], or for no time at all.
    #[error("a site is opened for 1 to 120 minutes, not for {minutes}")]
    Length {
        /// Minutes asked for.
        minutes: i64,
    },
    /// Not one site, but all of them.
    #[error("one site is opened, not all of them")]
    Everything,
    /// The network is wider than a class.
    #[error(
        "{network} is wider than one class: at most /{WIDEST_V4} in IPv4, /{WIDEST_V6} in IPv6"
    )]
    Wide {
        /// What was asked for.
        network: IpNet,
    },
    /// The region locked what denies it.
    #[error("the region's rule `{rule}` denies {site}, and is locked: ask the region")]
    Locked {
        /// The site.
        site: Site,
        /// The rule.
        rule: String,
    },
    /// Too many are open.
    #[error("{MAX_OPEN} sites are open already: close some")]
    TooMany,
    /// It could not be written down, and is not open.
    #[error("not written down: {0}")]
    Store(#[from] StoreError),
}

/// What was asked for, checked but for locks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// The site.
    pub site: Site,
    /// The class's network.
    pub network: IpNet,
    /// For how long.
    pub length: SignedDuration,
    /// Who opens it.
    pub by: String,
    /// What for.
    pub reason: String,
}

impl Wish {
    /// The opening it becomes.
    pub(super) fn from(self, now: Timestamp) -> Result<Opening, OpenError> {
        let Self { site, network, length, by, reason } = self;
        if !length.is_positive() || length > LONGEST {
            return Err(OpenError::Length { minutes: length.as_mins() });
        }
        if site.host == SiteHost::Any {
            return Err(OpenError::Everything);
        }
        let widest = if network.max_prefix_len() == 32 { WIDEST_V4 } else { WIDEST_V6 };
        if network.prefix_len() < widest {
            return Err(OpenError::Wide { network });
        }
        let until = now.checked_add(length).unwrap_or(now);
        let short = |text: String| text.trim().chars().take(MAX_TEXT_CHARS).collect();
        let (by, reason) = (short(by), short(reason));
        let network = network.trunc();
        Ok(Opening { name: site.to_string(), site, network, from: now, until, by, reason })
    }
}

/// All that are open.
#[derive(Debug, Default)]
pub struct Openings {
    all: Vec<Opening>,
    sites: Sites,
}

impl Openings {
    /// These.
    pub fn new(all: Vec<Opening>) -> Self {
        let sites = all.iter().enumerate().map(|(place, one)| (&one.site, place)).collect();
        Self { all, sites }
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Opening> {
        self.all.iter()
    }

    /// One that opens this target to who asks.
    pub(super) fn of(
        &self,
        who: &Who<'_>,
        target: &Target<'_>,
        now: Timestamp,
    ) -> Option<&Opening> {
        if self.all.is_empty() {
            return None;
        }
        let address = who.address.to_canonical();
        let mut open = None;
        self.sites.visit(target, &mut |listed| {
            let opens = |one: &&Opening| {
                one.from <= now && now < one.until && one.network.contains(&address)
            };
            open = open.or(self.all.get(listed.rule).filter(opens));
        });
        open
    }

    /// These with one more; one of the same site and network takes the place of the former.
    pub(super) fn with(&self, one: Opening, now: Timestamp) -> Result<Self, OpenError> {
        let other = |old: &&Opening| {
            now < old.until && (old.site != one.site || old.network != one.network)
        };
        let mut all: Vec<_> = self.all.iter().filter(other).cloned().collect();
        if all.len() >= MAX_OPEN {
            return Err(OpenError::TooMany);
        }
        all.push(one);
        Ok(Self::new(all))
    }

    /// These without those of a site, in a network or in all; and the ones that went.
    pub(super) fn without(&self, site: &Site, network: Option<&IpNet>) -> (Self, Vec<Opening>) {
        let goes = |one: &Opening| {
            one.site == *site && network.is_none_or(|network| one.network == network.trunc())
        };
        let (gone, left) = self.all.iter().cloned().partition(goes);
        (Self::new(left), gone)
    }

    /// These without the ones that have ended; nothing when none has.
    pub(super) fn without_ended(&self, now: Timestamp) -> Option<Self> {
        let ended = |one: &Opening| one.until <= now;
        let left = || self.all.iter().filter(|one| !ended(one)).cloned().collect();
        self.all.iter().any(ended).then(|| Self::new(left()))
    }

    /// Those kept, less those that have ended meanwhile. Blocking.
    pub(super) fn read(store: &Store, now: Timestamp) -> Result<Self, StoreError> {
        let kept = store.document(DOCUMENT)?;
        let all = kept.and_then(|bytes| serde_json::from_slice::<Vec<Opening>>(&bytes).ok());
        let mut all = all.unwrap_or_default();
        all.retain(|one| now < one.until && one.until.duration_since(one.from) <= LONGEST);
        all.truncate(MAX_OPEN);
        Ok(Self::new(all))
    }

    /// Blocking.
    pub(super) fn write(&self, store: &Store) -> Result<(), StoreError> {
        // Texts, numbers and addresses: they can always be written.
        let bytes = serde_json::to_vec(&self.all).unwrap_or_default();
        store.keep_document(DOCUMENT, &bytes)
    }
}
