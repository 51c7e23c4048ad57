//! `[journal]`: the account of connections that the law asks for.

use std::{fmt, path::PathBuf, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{BadUnit, ByteSize, Period, units::as_text};

const REGION_KEY: &str = "a public key such as `preau-region journal keygen` prints: age1…";

/// The region's public key (age, X25519).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionKey(String);

impl FromStr for RegionKey {
    type Err = BadUnit;

    fn from_str(text: &str) -> Result<Self, BadUnit> {
        let text = text.trim();
        let read = text.parse::<age::x25519::Recipient>();
        read.map(|_| Self(text.to_owned())).map_err(|_| BadUnit::new(text, REGION_KEY))
    }
}

impl fmt::Display for RegionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

as_text!(RegionKey, REGION_KEY);

/// `[journal]`. Off without the region's key.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Journal {
    /// The region's public key, to which every record is sealed; nothing = no journal.
    pub region_key: Option<RegionKey>,
    /// How long connections are kept; then, and not before, they are purged. A shorter term holds for
    /// what is written from then on.
    pub term: Period,
    /// The same for the log of refusals, which names no person.
    pub refusals_term: Period,
    /// Disk it may take; when four fifths are taken, it says so.
    pub most: ByteSize,
    /// Touched by the service that sets the clock whenever it is synchronised; with chrony or ntpd, by
    /// `preau-clock.timer`: "/run/preau-clock/synchronized".
    pub synchronised: PathBuf,
}

impl Default for Journal {
    fn default() -> Self {
        Self {
            region_key: None,
            term: Period::hours(365 * 24),
            refusals_term: Period::hours(183 * 24),
            most: ByteSize::gib(64),
            synchronised: PathBuf::from("/run/systemd/timesync/synchronized"),
        }
    }
}
