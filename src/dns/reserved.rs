//! Names of which the box says something itself, and all below them: a look too many is made at what
//! is found here, and none at what is not. Pure.

use std::collections::HashSet;

use foldhash::fast::RandomState;
use hickory_proto::rr::Name;

use super::special::FIRST_LABELS;

/// Below it, addresses have their names: the box's own among them.
const ARPA: &[u8] = b"\x04arpa";

/// The names, as they travel, in lower case, without the root's label.
#[derive(Debug)]
pub struct Reserved(HashSet<Box<[u8]>, RandomState>);

impl Reserved {
    /// These.
    pub fn new<'n>(names: impl Iterator<Item = &'n Name>) -> Self {
        let folded = names.map(|name| {
            let label = |label: &[u8]| {
                // Labels have at most 63 bytes.
                let length = u8::try_from(label.len()).unwrap_or(u8::MAX);
                [&[length], label.to_ascii_lowercase().as_slice()].concat()
            };
            name.iter().flat_map(label).collect::<Box<[u8]>>()
        });
        Self(folded.chain([ARPA.into()]).collect())
    }

    /// Is this name, of the same form, one of them or below one?
    pub fn holds(&self, name: &[u8]) -> bool {
        let mut rest = name;
        let first = rest.split_first().and_then(|(length, rest)| rest.get(..usize::from(*length)));
        if first.is_some_and(|first| FIRST_LABELS.contains(&first)) {
            return true;
        }
        while let Some((length, below)) = rest.split_first() {
            if self.0.contains(rest) {
                return true;
            }
            rest = below.get(usize::from(*length)..).unwrap_or_default();
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::testing::name;

    #[test]
    fn a_name_is_reserved_with_all_below_it_and_nothing_beside() {
        let names = ["preau", "Mask.iCloud.com", "preau.lan"].map(name);
        let reserved = Reserved::new(names.iter());
        let holds = |text: &str| {
            let wire: Vec<u8> = text
                .split('.')
                .flat_map(|label| {
                    [&[u8::try_from(label.len()).unwrap()], label.as_bytes()].concat()
                })
                .collect();
            reserved.holds(&wire)
        };
        for own in [
            "preau",
            "a.preau",
            "mask.icloud.com",
            "x.mask.icloud.com",
            "other.preau.lan",
            "wpad.example.org",
            "_esni.example.org",
            "4.3.2.10.in-addr.arpa",
        ] {
            assert!(holds(own), "{own}");
        }
        for other in ["icloud.com", "apreau", "lan", "preau.example", "arpa.example", "wpads.fr"] {
            assert!(!holds(other), "{other}");
        }
        assert!(!reserved.holds(b""));
    }
}
