//! Hosts files: `0.0.0.0 example.org www.example.org`. A line means the names themselves and not those
//! below them, as hosts(5) has it. `#` begins a comment.

use super::{Found, Why};
use crate::filter::{
    host::Host,
    lists::build::{Rule, Scope},
};

/// Names that every hosts file defines and none blocks.
const OWN_NAMES: [&str; 12] = [
    "localhost",
    "localhost.localdomain",
    "local",
    "broadcasthost",
    "ip6-localhost",
    "ip6-loopback",
    "ip6-localnet",
    "ip6-mcastprefix",
    "ip6-allnodes",
    "ip6-allrouters",
    "ip6-allhosts",
    "localhost6",
];

/// Reads a line.
pub fn line(line: &str, each: &mut dyn FnMut(Found<'_>)) {
    let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
    let Some(first) = words.next() else { return };
    let first = first.split('%').next().unwrap_or_default();
    let Ok(Host::Address(address)) = Host::parse(first) else {
        return each(Found::Bad(Why::Other("the line does not begin with an address")));
    };
    if !address.is_unspecified() && !address.is_loopback() {
        let own = words.clone().all(|name| OWN_NAMES.contains(&name));
        if !own {
            each(Found::Ignored("it gives an address and blocks nothing"));
        }
        return;
    }
    for word in words {
        match Host::parse(word) {
            Ok(Host::Name(name)) if OWN_NAMES.contains(&name.as_str()) => {}
            // `0.0.0.0 0.0.0.0`, in many of them.
            Ok(Host::Address(_)) => {}
            Ok(host) => each(Found::Listed(Rule::Host(host, Scope::Itself))),
            Err(bad) => each(Found::Bad(bad.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::read;

    #[test]
    fn names_behind_a_null_address_are_listed_themselves() {
        let line = super::line;
        let listed = ["listed a.example Itself", "listed b.example Itself"];
        assert_eq!(read(line, "0.0.0.0 a.example\tB.example # c.example"), listed);
        assert_eq!(read(line, "127.0.0.1 a.example b.example"), listed);
        assert_eq!(read(line, ":: a.example b.example"), listed);
        assert_eq!(read(line, "0.0.0.0 a..b"), ["bad"]);
        assert_eq!(read(line, "a.example"), ["bad"]);
        assert_eq!(read(line, "192.0.2.1 a.example"), ["ignored"]);
    }

    #[test]
    fn the_names_of_the_machine_itself_are_not_blocked() {
        for text in [
            "127.0.0.1 localhost",
            "255.255.255.255 broadcasthost",
            "fe80::1%lo0 localhost",
            "ff02::1 ip6-allnodes",
            "0.0.0.0 0.0.0.0",
            "",
            "# nothing",
        ] {
            assert!(read(super::line, text).is_empty(), "{text}");
        }
    }
}
