//! Names of devices in the log of refusals: the same for a month, so that a device that is refused
//! again and again shows as one; then the key is replaced, and nobody can tell which device it was.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
};

use jiff::{Timestamp, tz::TimeZone};
use ring::hmac;

use crate::store::{StoreError, durable};

/// Year, month, key.
const KEPT_BYTES: usize = 2 + 1 + 32;

/// The month's key.
pub struct Pseudonyms {
    path: PathBuf,
    zone: TimeZone,
    month: (i16, i8),
    key: [u8; 32],
}

impl std::fmt::Debug for Pseudonyms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pseudonyms").field("month", &self.month).finish_non_exhaustive()
    }
}

impl Pseudonyms {
    /// The key kept in a folder, if it is this month's; else a new one. Blocking.
    pub fn open(folder: &Path, zone: TimeZone, now: Timestamp) -> Result<Self, StoreError> {
        durable::make_folder(folder)?;
        let path = folder.join("pseudonyms");
        let kept = durable::read_small(&path, KEPT_BYTES as u64).ok().flatten();
        let mut names = Self { path, zone, month: (0, 0), key: [0; 32] };
        if let Some((month, key)) = kept.as_deref().and_then(read) {
            (names.month, names.key) = (month, key);
        }
        names.renew(now)?;
        Ok(names)
    }

    /// Another key in another month; the old one is destroyed. Blocking.
    pub fn renew(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let today = now.to_zoned_datetime(self.zone.clone());
        let month = (today.year(), today.month());
        if month == self.month {
            return Ok(());
        }
        let key: [u8; 32] = rand::random();
        let mut bytes = month.0.to_le_bytes().to_vec();
        bytes.extend(month.1.to_le_bytes());
        bytes.extend(key);
        durable::replace_secret(&self.path, &self.path.with_extension("new"), &bytes)?;
        (self.month, self.key) = (month, key);
        Ok(())
    }

    /// A device's name this month.
    pub fn of(&self, device: IpAddr) -> u64 {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.key);
        let tag = match device.to_canonical() {
            IpAddr::V4(address) => hmac::sign(&key, &address.octets()),
            IpAddr::V6(address) => hmac::sign(&key, &address.octets()),
        };
        tag.as_ref().first_chunk::<8>().map_or(0, |eight| u64::from_le_bytes(*eight))
    }
}

fn read(bytes: &[u8]) -> Option<((i16, i8), [u8; 32])> {
    let bytes: &[u8; KEPT_BYTES] = bytes.try_into().ok()?;
    let (year, rest) = bytes.split_first_chunk::<2>()?;
    let (month, key) = rest.split_first_chunk::<1>()?;
    Some(((i16::from_le_bytes(*year), i8::from_le_bytes(*month)), key.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_has_one_name_for_a_month_even_past_a_restart_and_another_in_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let paris = TimeZone::get("Europe/Paris").unwrap();
        let open = |now: &str| {
            Pseudonyms::open(folder.path(), paris.clone(), now.parse().unwrap()).unwrap()
        };
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let first = open("2026-09-01T06:00:00Z");
        let name = first.of(one);
        assert_ne!(name, first.of(other));
        assert_eq!(name, first.of("::ffff:10.0.0.1".parse().unwrap()));
        assert_eq!(open("2026-09-30T21:59:59Z").of(one), name);
        // It is October in Paris.
        assert_ne!(open("2026-09-30T22:00:00Z").of(one), name);
    }
}
