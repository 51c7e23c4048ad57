//! Keyed fingerprints of everything a list can name.
//!
//! A compiled file holds no name, only 64-bit `SipHash` fingerprints of them under a key that is made of
//! the lists themselves: nobody who does not write the whole of the lists can look for a name
//! that falls on another's.

use std::hash::Hasher as _;

use siphasher::sip::SipHasher13;

/// What is fingerprinted; each kind begins with its own byte.
const NAME: &[u8] = &[0];
const CHILD: &[u8] = &[1];
const NETWORK: &[u8] = &[2];
const URL_HOST: &[u8] = &[3];

/// The key of one compiled file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Key {
    pub(super) low: u64,
    pub(super) high: u64,
}

impl Key {
    /// Of names while they are gathered, before the file's own key is known.
    pub(super) const PROVISIONAL: Self = Self { low: 0, high: 0 };

    fn begin(self, kind: &[u8]) -> SipHasher13 {
        let mut hasher = SipHasher13::new_with_keys(self.low, self.high);
        hasher.write(kind);
        hasher
    }

    /// The fingerprint of each suffix, from the last label to the whole name, with the label that
    /// begins it. Each byte is hashed once.
    pub(super) fn suffixes(self, name: &[u8], mut each: impl FnMut(u64, &[u8])) {
        let mut hasher = self.begin(NAME);
        let mut rest = Some(name);
        while let Some(name) = rest {
            let dot = name.iter().rposition(|byte| *byte == b'.');
            let label = dot.map_or(Some(name), |dot| name.get(dot + 1..)).unwrap_or_default();
            hasher.write(label);
            each(hasher.finish(), label);
            hasher.write(b".");
            rest = dot.and_then(|dot| name.get(..dot));
        }
    }

    /// The fingerprint of a whole name.
    pub(super) fn name(self, name: &[u8]) -> u64 {
        let mut whole = 0;
        self.suffixes(name, |fingerprint, _| whole = fingerprint);
        whole
    }

    /// Of a label below every parent of a family.
    pub(super) fn child(self, family: u16, label: &[u8]) -> u64 {
        let mut hasher = self.begin(CHILD);
        hasher.write(&family.to_le_bytes());
        hasher.write(label);
        hasher.finish()
    }

    /// Of a network: IPv4 as the IPv6 addresses that map it.
    pub(super) fn network(self, address: u128, prefix: u8) -> u64 {
        let mut hasher = self.begin(NETWORK);
        hasher.write(&[prefix]);
        hasher.write(&address.to_be_bytes());
        hasher.finish()
    }

    /// Of a host that has URL rules, as its text.
    pub(super) fn url_host(self, host: &[u8]) -> u64 {
        let mut hasher = self.begin(URL_HOST);
        hasher.write(host);
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_suffix_has_the_fingerprint_of_that_name() {
        let key = Key { low: 1, high: 2 };
        let mut seen = Vec::new();
        key.suffixes(b"a.bc.d", |print, label| seen.push((print, label.to_vec())));
        let labels: Vec<_> = seen.iter().map(|(_, label)| label.as_slice()).collect();
        assert_eq!(labels, [b"d".as_slice(), b"bc", b"a"]);
        let prints: Vec<_> = seen.iter().map(|(print, _)| *print).collect();
        assert_eq!(prints, [key.name(b"d"), key.name(b"bc.d"), key.name(b"a.bc.d")]);
    }

    #[test]
    fn kinds_and_keys_do_not_meet() {
        let (one, other) = (Key { low: 1, high: 2 }, Key { low: 1, high: 3 });
        let prints = [
            one.name(b"a"),
            one.url_host(b"a"),
            one.child(0, b"a"),
            one.child(1, b"a"),
            one.network(97, 128),
            one.network(97, 127),
            one.name(b"a.b"),
            one.name(b"b.a"),
            other.name(b"a"),
        ];
        let distinct: std::collections::BTreeSet<_> = prints.iter().collect();
        assert_eq!(distinct.len(), prints.len());
    }
}
