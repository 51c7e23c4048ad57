//! Names that mean something to systems and have no place outside: by which browsers and phones ask
//! whether they may go round the school's resolver, and those that the standards keep for a use of
//! their own. Pure.

use std::net::{Ipv4Addr, Ipv6Addr};

use hickory_proto::{op::Query, rr::Name};

use super::{answer::Answer, made, wire};

/// What is said of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    NoName,
    NoData,
    Loopback,
}

/// Seconds that a device may believe it: browsers ask at each start.
const CANARY_SECONDS: u32 = 300;

/// Each with all below it.
const NAMES: [(&str, Said); 24] = [
    // Firefox keeps to the system's resolver (support.mozilla.org, "canary domain").
    ("use-application-dns.net", Said::NoName),
    // Apple's iCloud Private Relay is off; never left without an answer, or devices wait
    // (developer.apple.com, "Prepare your network for iCloud Private Relay").
    ("mask.icloud.com", Said::NoName),
    ("mask-h2.icloud.com", Said::NoName),
    ("mask-api.icloud.com", Said::NoName),
    // Chrome's private prefetch proxy.
    ("dns-tunnel-check.googlezip.net", Said::NoName),
    ("tunnel.googlezip.net", Said::NoName),
    // RFC 9462 §4: this resolver has no encrypted form to upgrade to.
    ("resolver.arpa", Said::NoData),
    // RFC 6761 §6.3, §6.4; RFC 7686 §2; RFC 9476 §3; RFC 6762 §22.1.
    ("localhost", Said::Loopback),
    ("invalid", Said::NoName),
    ("onion", Said::NoName),
    ("alt", Said::NoName),
    ("local", Said::NoName),
    // RFC 6303 §4: nobody outside knows who has a private address. Those of 172.16/12 are below.
    ("10.in-addr.arpa", Said::NoName),
    ("168.192.in-addr.arpa", Said::NoName),
    ("127.in-addr.arpa", Said::NoName),
    ("0.in-addr.arpa", Said::NoName),
    ("254.169.in-addr.arpa", Said::NoName),
    ("255.255.255.255.in-addr.arpa", Said::NoName),
    ("d.f.ip6.arpa", Said::NoName),
    ("8.e.f.ip6.arpa", Said::NoName),
    ("9.e.f.ip6.arpa", Said::NoName),
    ("a.e.f.ip6.arpa", Said::NoName),
    ("b.e.f.ip6.arpa", Said::NoName),
    ("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa", Said::NoName),
];
/// First labels that nothing outside may answer for: `wpad` would name a proxy for the school's
/// devices (CERT VU#598349), `_esni` hid names before `ech` did.
pub const FIRST_LABELS: [&[u8]; 2] = [b"wpad", b"_esni"];

/// The names, parsed.
#[derive(Debug)]
pub struct Special(Vec<(Name, Said)>);

impl Default for Special {
    fn default() -> Self {
        let private = (16..32).map(|n| (format!("{n}.172.in-addr.arpa"), Said::NoName));
        let named = NAMES.iter().map(|(name, said)| ((*name).to_owned(), *said));
        let parsed =
            named.chain(private).filter_map(|(text, said)| Some((wire::name(&text)?, said)));
        Self(parsed.collect())
    }
}

impl Special {
    /// The names.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        self.0.iter().map(|(name, _)| name)
    }

    /// What is said of a name that is one of these.
    pub fn answer(&self, asked: &Query) -> Option<Answer> {
        let first = asked.name.iter().next().unwrap_or_default();
        if FIRST_LABELS.iter().any(|label| label.eq_ignore_ascii_case(first)) {
            return Some(made::no_name(&asked.name, CANARY_SECONDS));
        }
        let (zone, said) = self.0.iter().find(|(name, _)| name.zone_of(&asked.name))?;
        Some(match said {
            Said::NoName => made::no_name(zone, CANARY_SECONDS),
            Said::NoData => made::no_data(zone, CANARY_SECONDS),
            Said::Loopback => {
                let own = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
                made::addresses(asked, &own, made::NEVER_SECONDS)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::{op::ResponseCode, rr::RecordType};

    use super::*;
    use crate::dns::testing::question;

    #[test]
    fn each_name_is_answered_as_its_owner_asks_and_none_beside_it() {
        let special = Special::default();
        let said = |name: &str, kind| {
            special.answer(&question(name, kind)).map(|answer| (answer.rcode, answer.answers.len()))
        };
        for name in [
            "use-application-dns.net",
            "Mask.iCloud.com",
            "mask-h2.icloud.com",
            "mask-api.icloud.com",
            "dns-tunnel-check.googlezip.net",
            "printer.local",
            "abc.onion",
            "wpad.example.org",
            "_esni.example.org",
            "4.3.2.10.in-addr.arpa",
            "1.1.31.172.in-addr.arpa",
        ] {
            for kind in [RecordType::A, RecordType::AAAA, RecordType::HTTPS] {
                assert_eq!(said(name, kind), Some((ResponseCode::NXDomain, 0)), "{name}");
            }
        }
        assert_eq!(said("_dns.resolver.arpa", RecordType::SVCB), Some((ResponseCode::NoError, 0)));
        assert_eq!(said("localhost", RecordType::A), Some((ResponseCode::NoError, 1)));
        assert_eq!(said("a.localhost", RecordType::HTTPS), Some((ResponseCode::NoError, 0)));
        for name in
            ["icloud.com", "net", "application-dns.net", "1.1.32.172.in-addr.arpa", "wpads.fr"]
        {
            assert_eq!(said(name, RecordType::A), None, "{name}");
        }
    }
}
