//! Private addresses from outside are not believed: a page of a stranger could else have a
//! device's browser speak to the school's printers under the stranger's name (DNS rebinding). Pure.

use std::net::IpAddr;

use hickory_proto::{
    op::Query,
    rr::{Name, RecordType},
};

use super::{answer::Answer, made, svcb, wire::address};
use crate::{config::Site, net::client::is_public};

/// Whose address tells Windows that IPv6 names are answered; a private one
/// (`fd3e:4f5a:5b81::1`; learn.microsoft.com, "Network Connectivity Status Indicator").
const WINDOWS_PROBE: &str = "dns.msftncsi.com";

/// Names that may have private addresses.
#[derive(Debug)]
pub struct Private {
    sites: Vec<Site>,
}

impl Private {
    /// These, with those below them; of networks, the addresses in them.
    pub fn new(sites: &[Site]) -> Self {
        Self { sites: sites.to_vec() }
    }

    /// The answer, if no private address is in it that should not be; else nothing of the type.
    pub fn checked(&self, answer: Answer, asked: &Query) -> Answer {
        let strange = |address: &IpAddr| {
            let own = |site: &Site| site.has_address(*address);
            !is_public(address.to_canonical()) && !self.sites.iter().any(own)
        };
        let has_strange = answer.answers.iter().any(|record| match record.record_type() {
            RecordType::SVCB | RecordType::HTTPS => {
                svcb::hints(record).is_none_or(|hints| hints.iter().any(strange))
            }
            _ => address(record).as_ref().is_some_and(strange),
        });
        if !has_strange || self.may_be_private(&asked.name) {
            return answer;
        }
        tracing::debug!(name = %asked.name, "a private address came from outside: not told");
        made::no_data(&asked.name, made::REFUSED_SECONDS)
    }

    fn may_be_private(&self, name: &Name) -> bool {
        text_of(name) == WINDOWS_PROBE || self.is_own(name)
    }

    /// Is this a name of the school's own, of which the world's zones know nothing?
    pub fn is_own(&self, name: &Name) -> bool {
        let text = text_of(name);
        self.sites.iter().any(|site| site.has_name(&text))
    }
}

fn text_of(name: &Name) -> String {
    name.to_lowercase().to_ascii().trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::testing::{question, record};

    #[test]
    fn a_stranger_s_private_address_is_not_told_and_the_school_s_own_is() {
        let sites = ["ac-example.fr", "10.7.0.0/16"].map(|site| site.parse().unwrap());
        let private = Private::new(&sites);
        let told = |name: &str, kind, data: &[u8]| {
            let answer = Answer::of(vec![record(name, kind, data, 60)], 60);
            !private.checked(answer, &question(name, kind)).answers.is_empty()
        };
        assert!(told("a.example", RecordType::A, &[9, 9, 9, 9]));
        for inside in
            [[10, 0, 0, 1], [127, 0, 0, 1], [192, 168, 1, 1], [169, 254, 169, 254], [0; 4]]
        {
            assert!(!told("a.example", RecordType::A, &inside), "{inside:?}");
            assert!(told("intra.Ac-Example.fr", RecordType::A, &inside));
        }
        assert!(told("a.example", RecordType::A, &[10, 7, 1, 1]));
        let mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1];
        assert!(!told("a.example", RecordType::AAAA, &mapped));
        assert!(!told("notac-example.fr", RecordType::AAAA, &[0xfd; 16]));
        assert!(told("dns.msftncsi.com", RecordType::AAAA, &[0xfd; 16]));
        let hint = [&[0, 1, 0, 0, 4, 0, 4][..], &[10, 0, 0, 1]].concat();
        assert!(!told("a.example", RecordType::HTTPS, &hint));
    }
}
