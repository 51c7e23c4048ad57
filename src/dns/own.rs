//! The box's own names: what it is called in the school, and by its certificate. Pure.

use std::net::IpAddr;

use hickory_proto::{
    op::Query,
    rr::{Name, RData, Record, RecordType, rdata::PTR},
};

use super::{
    answer::Answer,
    made::{self, OWN_SECONDS},
    wire,
};

/// What the box is called in its zone, and alone.
const NAMES: [&str; 3] = ["preau", "manuels", "wpad"];

/// The names.
#[derive(Debug, Default)]
pub struct Own {
    /// In which nobody but the box has a name.
    zone: Option<Name>,
    names: Vec<Name>,
    /// What its addresses are called; else nothing.
    main: Option<Name>,
    /// Nothing: the one nearest to who asks.
    addresses: Vec<IpAddr>,
}

impl Own {
    /// Of a zone (`preau.lan`), the name of the certificate, and addresses that all devices reach,
    /// where it has them.
    pub fn new(zone: Option<&str>, certified: Option<&str>, addresses: &[IpAddr]) -> Self {
        let zone = zone.and_then(wire::name);
        let certified = certified.and_then(wire::name);
        let mut names: Vec<Name> = NAMES.iter().filter_map(|name| wire::name(name)).collect();
        if let Some(zone) = &zone {
            let inside = NAMES.iter().filter_map(|name| wire::name(&format!("{name}.{zone}")));
            names.extend(inside.chain([zone.clone()]));
        }
        names.extend(certified.clone());
        let inside = zone.as_ref().and_then(|zone| wire::name(&format!("{}.{zone}", NAMES[0])));
        Self { main: certified.or(inside), zone, names, addresses: addresses.to_vec() }
    }

    /// The names, each with what may be below it.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        self.names.iter().chain(&self.zone)
    }

    /// The box's addresses for a device to which `near` is nearest.
    pub fn addresses<'a>(&'a self, near: &'a IpAddr) -> &'a [IpAddr] {
        if self.addresses.is_empty() { std::slice::from_ref(near) } else { &self.addresses }
    }

    /// What is said of the box's names to a device to which the box's address `near` is nearest;
    /// nothing of all others.
    pub fn answer(&self, asked: &Query, near: IpAddr) -> Option<Answer> {
        let own = self.addresses(&near);
        if self.names.contains(&asked.name) {
            return Some(made::addresses(asked, own, OWN_SECONDS));
        }
        if own.iter().any(|address| asked.name == Name::from(address.to_canonical())) {
            return self.main.as_ref().map(|main| match asked.query_type {
                RecordType::PTR => {
                    let data = RData::PTR(PTR(main.clone()));
                    let record = Record::from_rdata(asked.name.clone(), OWN_SECONDS, data);
                    Answer::of(vec![record], OWN_SECONDS)
                }
                _ => made::no_data(&asked.name, OWN_SECONDS),
            });
        }
        let zone = self.zone.as_ref().filter(|zone| zone.zone_of(&asked.name))?;
        Some(made::no_name(zone, OWN_SECONDS))
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::ResponseCode;

    use super::*;
    use crate::dns::{testing::question, wire::address};

    #[test]
    fn the_box_answers_to_its_names_with_the_address_nearest_to_who_asks() {
        let own = Own::new(Some("preau.lan"), Some("0510035l.example.org"), &[]);
        let near: IpAddr = [10, 1, 0, 1].into();
        let said = |name: &str, kind| own.answer(&question(name, kind), near);
        for name in
            ["preau", "Manuels.preau.lan", "wpad.preau.lan", "preau.lan", "0510035L.example.org"]
        {
            let answer = said(name, RecordType::A).unwrap();
            assert_eq!(address(&answer.answers[0]), Some(near), "{name}");
            assert!(said(name, RecordType::AAAA).unwrap().answers.is_empty());
        }
        assert_eq!(said("other.preau.lan", RecordType::A).unwrap().rcode, ResponseCode::NXDomain);
        for name in ["example.org", "www.0510035l.example.org", "lan", "wpad.example.org"] {
            assert_eq!(said(name, RecordType::A), None, "{name}");
        }
    }

    #[test]
    fn the_box_s_addresses_are_called_by_its_name() {
        let both: [IpAddr; 2] = [[10, 1, 0, 1].into(), "fd00::1".parse().unwrap()];
        let own = Own::new(Some("preau.lan"), None, &both);
        for address in both {
            let asked = Query::query(Name::from(address), RecordType::PTR);
            let answer = own.answer(&asked, [10, 9, 9, 9].into()).unwrap();
            let main = RData::PTR(PTR(wire::name("preau.preau.lan").unwrap()));
            assert_eq!(answer.answers[0].data, main);
        }
        let v6 = own.answer(&question("preau", RecordType::AAAA), [10, 9, 9, 9].into()).unwrap();
        assert_eq!(v6.answers.len(), 1);
        let other = Query::query(Name::from(IpAddr::from([10, 1, 0, 2])), RecordType::PTR);
        assert_eq!(own.answer(&other, [10, 9, 9, 9].into()), None);
    }
}
