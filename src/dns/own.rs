//! The box's own names: what it is called in the school, and by its certificate. Pure.

use std::net::IpAddr;

use super::{
    answer::Answer,
    made::{self, OWN_SECONDS},
    wire::{Kind, Name, Question},
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
        let zone = zone.and_then(Name::parse);
        let certified = certified.and_then(Name::parse);
        let mut names: Vec<Name> = NAMES.iter().filter_map(|name| Name::parse(name)).collect();
        if let Some(zone) = &zone {
            let inside = NAMES.iter().filter_map(|name| Name::parse(&format!("{name}.{zone}")));
            names.extend(inside.chain([zone.clone()]));
        }
        names.extend(certified.clone());
        let inside = zone.as_ref().and_then(|zone| Name::parse(&format!("{}.{zone}", NAMES[0])));
        Self { main: certified.or(inside), zone, names, addresses: addresses.to_vec() }
    }

    /// The box's addresses for a device to which `near` is nearest.
    pub fn addresses<'a>(&'a self, near: &'a IpAddr) -> &'a [IpAddr] {
        if self.addresses.is_empty() { std::slice::from_ref(near) } else { &self.addresses }
    }

    /// What is said of the box's names to a device to which the box's address `near` is nearest;
    /// nothing of all others.
    pub fn answer(&self, asked: &Question, near: IpAddr) -> Option<Answer> {
        let own = self.addresses(&near);
        if self.names.iter().any(|name| asked.name.is(name)) {
            return Some(made::addresses(asked, own, OWN_SECONDS));
        }
        if own.iter().any(|address| asked.name.is(&Name::of_address(*address))) {
            return self.main.as_ref().map(|main| match asked.kind {
                Kind::PTR => {
                    let record = made::named_record(&asked.name, Kind::PTR, main, OWN_SECONDS);
                    Answer::of(vec![record], OWN_SECONDS)
                }
                _ => made::no_data(&asked.name, OWN_SECONDS),
            });
        }
        let zone = self.zone.as_ref().filter(|zone| asked.name.is_within(zone))?;
        Some(made::no_name(zone, OWN_SECONDS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::{
        testing::question,
        wire::{Rcode, address},
    };

    #[test]
    fn the_box_answers_to_its_names_with_the_address_nearest_to_who_asks() {
        let own = Own::new(Some("preau.lan"), Some("0510035l.example.org"), &[]);
        let near: IpAddr = [10, 1, 0, 1].into();
        let said = |name: &str, kind| own.answer(&question(name, kind), near);
        for name in
            ["preau", "Manuels.preau.lan", "wpad.preau.lan", "preau.lan", "0510035L.example.org"]
        {
            let answer = said(name, Kind::A).unwrap();
            assert_eq!(address(&answer.answers[0]), Some(near), "{name}");
            assert!(said(name, Kind::AAAA).unwrap().answers.is_empty());
        }
        assert_eq!(said("other.preau.lan", Kind::A).unwrap().rcode, Rcode::NX_DOMAIN);
        for name in ["example.org", "www.0510035l.example.org", "lan", "wpad.example.org"] {
            assert_eq!(said(name, Kind::A), None, "{name}");
        }
    }

    #[test]
    fn the_box_s_addresses_are_called_by_its_name() {
        let both: [IpAddr; 2] = [[10, 1, 0, 1].into(), "fd00::1".parse().unwrap()];
        let own = Own::new(Some("preau.lan"), None, &both);
        for address in both {
            let asked = Question { kind: Kind::PTR, ..question("x", Kind::A) };
            let asked = Question { name: Name::of_address(address), ..asked };
            let answer = own.answer(&asked, [10, 9, 9, 9].into()).unwrap();
            assert_eq!(&*answer.answers[0].data, Name::parse("preau.preau.lan").unwrap().as_wire());
        }
        let v6 = own.answer(&question("preau", Kind::AAAA), [10, 9, 9, 9].into()).unwrap();
        assert_eq!(v6.answers.len(), 1);
        let other =
            Question { name: Name::of_address([10, 1, 0, 2].into()), ..question("x", Kind::PTR) };
        assert_eq!(own.answer(&other, [10, 9, 9, 9].into()), None);
    }
}
