//! What the types of `[[health.links]]`, `[[health.targets]]` and `[health.throughput]` cannot say.

use std::{collections::HashSet, net::IpAddr, time::Duration};

use url::Url;

use super::is_plain;
use crate::config::{
    ByteRate, ByteSize, Health, HealthLink, HealthTarget, TargetRole,
    check::{Found, is_host_name},
    report::Severity::{Error, Warning},
};

const MAX_LINKS: usize = 4;
const MAX_TARGETS: usize = 16;
/// Values of targets that go to the region (`health::metrics`): one a link, target and way of asking.
const MAX_SERIES: usize = 32;
const MAX_TEXT_CHARS: usize = 64;
/// `IFNAMSIZ`, less its final zero (netdevice(7)).
const MAX_INTERFACE_BYTES: usize = 15;
const SHORTEST_TEST: Duration = Duration::from_secs(2);
const LONGEST_TEST: Duration = Duration::from_secs(60);
const LEAST_RATE: ByteRate = ByteRate(12_500);
const LEAST_TEST: ByteSize = ByteSize(1_000_000);

pub(super) fn check_links(health: &Health, found: &mut Found<'_>) {
    if health.links.len() > MAX_LINKS {
        found("health.links", Error, format!("{} links", health.links.len()), "at most 4");
    }
    let (mut names, mut interfaces) = (HashSet::new(), HashSet::new());
    for (index, link) in health.links.iter().enumerate() {
        let at = |name: &str| format!("health.links[{index}].{name}");
        name(&at("name"), &link.name, names.insert(link.name.as_str()), found);
        check_link(&at, link, interfaces.insert(link.interface.as_str()), found);
    }
    check_targets(health, found);
    check_throughput(health, found);
}

/// A name that stands in reports and labels.
fn name(key: &str, name: &str, new: bool, found: &mut Found<'_>) {
    if !is_plain(name) {
        let says = format!("`{}` is no name for reports", name.escape_debug());
        found(key, Error, says, "1 to 32 letters, digits, `-`, `_` and `.`");
    } else if !new {
        found(key, Error, format!("another is called `{name}`"), "a name of its own for each");
    }
}

fn check_link(at: &dyn Fn(&str) -> String, link: &HealthLink, is_new: bool, found: &mut Found<'_>) {
    let interface = &link.interface;
    let is_name = |c: char| c.is_ascii_graphic() && c != '/';
    if !(1..=MAX_INTERFACE_BYTES).contains(&interface.len()) || !interface.chars().all(is_name) {
        let says = format!("`{}` is no interface", interface.escape_debug());
        found(&at("interface"), Error, says, "as `ip link` calls it, such as \"wan0\"");
    } else if !is_new {
        let says = format!("another link is behind `{interface}`");
        found(&at("interface"), Error, says, "an interface of its own for each link");
    }
    for (key, text) in [("network", &link.network), ("reference", &link.reference)] {
        let length = text.as_ref().map_or(1, |text| text.trim().chars().count());
        if !(1..=MAX_TEXT_CHARS).contains(&length) {
            found(&at(key), Error, format!("{length} characters"), "1 to 64 characters");
        }
    }
    for (key, rate) in [("down", link.down), ("up", link.up)] {
        if rate.is_some_and(|rate| rate < LEAST_RATE) {
            let says = "no contract promises so little".into();
            found(&at(key), Error, says, "at least \"100 kbit/s\", such as \"100 Mbit/s\"");
        }
    }
}

fn check_targets(health: &Health, found: &mut Found<'_>) {
    if health.targets.len() > MAX_TARGETS {
        found("health.targets", Error, format!("{} targets", health.targets.len()), "at most 16");
    }
    if !health.targets.is_empty() && health.links.is_empty() {
        let says = "no link leads to them: nothing is asked".into();
        found("health.targets", Warning, says, "[[health.links]] too");
    }
    let mut names = HashSet::new();
    for (index, target) in health.targets.iter().enumerate() {
        let at = |name: &str| format!("health.targets[{index}].{name}");
        name(&at("name"), &target.name, names.insert(target.name.as_str()), found);
        check_target(&at, target, health, found);
    }
    let over = |target: &HealthTarget| if target.link.is_some() { 1 } else { health.links.len() };
    let ways = |target: &HealthTarget| usize::from(target.icmp) + usize::from(target.tcp.is_some());
    let series: usize = health.targets.iter().map(|one| over(one) * ways(one)).sum();
    let gateways = health.links.iter().filter(|link| link.gateway.is_some()).count();
    if series + gateways > MAX_SERIES {
        let says = format!("{} series of links, targets and ways", series + gateways);
        found("health.targets", Error, says, "at most 32: fewer targets, or `link` for each");
    }
    for (index, link) in health.links.iter().enumerate() {
        let beyond = |target: &&HealthTarget| {
            target.role != TargetRole::Gateway
                && ways(target) > 0
                && target.link.as_ref().is_none_or(|over| *over == link.name)
        };
        if health.targets.iter().filter(beyond).count() < 2 {
            let says =
                format!("fewer than two targets beyond `{}` are asked each second", link.name);
            let expected = "two or more, of different owners: one may be down by itself";
            found(&format!("health.links[{index}].name"), Warning, says, expected);
        }
    }
}

fn check_target(
    at: &dyn Fn(&str) -> String,
    target: &HealthTarget,
    health: &Health,
    found: &mut Found<'_>,
) {
    let address = &target.address;
    if address.parse::<IpAddr>().is_err() && !is_host_name(address) {
        let says = format!("`{}` is no address and no name", address.escape_debug());
        found(&at("address"), Error, says, "such as \"192.0.2.1\" or \"gar.example.org\"");
    }
    if let Some(link) = &target.link
        && !health.links.iter().any(|known| known.name == *link)
    {
        let says = format!("no link is called `{}`", link.escape_debug());
        found(&at("link"), Error, says, "a name among [[health.links]], or no key");
    }
    if target.tcp == Some(0) {
        found(&at("tcp"), Error, "0 is no port".into(), "1 to 65535, such as 443");
    }
    if let Some(url) = &target.http {
        fetched(&at("http"), url, found);
    }
    if let Some(name) = &target.dns
        && !is_host_name(name)
    {
        let says = format!("`{}` is no name", name.escape_debug());
        found(&at("dns"), Error, says, "such as \"www.example.org\"");
    }
    if target.dns.is_some() && address.parse::<IpAddr>().is_err() {
        let says = "a resolver that must be looked up first tells little".into();
        found(&at("address"), Warning, says, "its address");
    }
    if !target.icmp && target.tcp.is_none() && target.http.is_none() && target.dns.is_none() {
        let says = "nothing is asked of it".into();
        found(&at("icmp"), Error, says, "icmp, tcp, http or dns");
    }
}

fn check_throughput(health: &Health, found: &mut Found<'_>) {
    let test = &health.throughput;
    for (key, url) in [("url", &test.url), ("upload", &test.upload)] {
        if let Some(url) = url {
            fetched(&format!("health.throughput.{key}"), url, found);
        }
    }
    if test.url.is_none() && (test.nightly.is_some() || test.upload.is_some()) {
        let says = "nothing says what is fetched: there is no test".into();
        found("health.throughput.url", Warning, says, "a large object of the region");
    }
    if test.time.0 < SHORTEST_TEST || test.time.0 > LONGEST_TEST {
        found("health.throughput.time", Error, format!("a test of {}", test.time), "2s to 1m");
    }
    if test.bytes < LEAST_TEST {
        let says = format!("{} say nothing of a link", test.bytes);
        found("health.throughput.bytes", Error, says, "at least \"1 MB\"");
    }
    if test.bytes > test.bytes_per_day {
        let says = format!("a test may move {}, a day {}", test.bytes, test.bytes_per_day);
        found("health.throughput.bytes_per_day", Error, says, "at least health.throughput.bytes");
    }
    if test.bytes_per_day > test.bytes_per_month {
        let says =
            format!("a day may move {}, a month {}", test.bytes_per_day, test.bytes_per_month);
        let expected = "at least health.throughput.bytes_per_day";
        found("health.throughput.bytes_per_month", Error, says, expected);
    }
}

fn fetched(key: &str, url: &Url, found: &mut Found<'_>) {
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        let says = format!("`{}:` cannot be fetched", url.scheme());
        found(key, Error, says, "http:// or https://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        let says = "a name or password stands in the address".into();
        found(key, Error, says, "an address that anybody may fetch");
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    fn said(more: &str) -> String {
        let text = format!(
            "[school]\nuai = \"0510035L\"\nname = \"x\"\n[access]\nsign_in = \"off\"\n{more}"
        );
        match Config::parse("t", &text) {
            Ok((_, report)) => {
                let said: Vec<String> =
                    report.findings.into_iter().map(|one| one.message).collect();
                said.join("; ")
            }
            Err(error) => error.to_string(),
        }
    }

    const LINK: &str =
        "[[health.links]]\nname = \"a\"\ninterface = \"wan0\"\ndown = \"100 Mbit/s\"\n";

    fn target(more: &str) -> String {
        format!("[[health.targets]]\nname = \"t\"\naddress = \"192.0.2.1\"\n{more}\n")
    }

    #[test]
    fn a_school_with_a_link_and_two_targets_is_well() {
        let second = target("tcp = 443").replace("\"t\"", "\"u\"");
        assert_eq!(said(&format!("{LINK}{}{second}", target(""))), "");
    }

    #[test]
    fn what_would_measure_nothing_or_something_else_is_said() {
        for (more, expected) in [
            (format!("{LINK}{}", target("")), "fewer than two targets"),
            (format!("{LINK}{}", target("link = \"b\"")), "no link is called `b`"),
            (format!("{LINK}{}", target("icmp = false")), "nothing is asked of it"),
            (format!("{LINK}{LINK}"), "another is called `a`"),
            (format!("{LINK}{}", LINK.replace("\"a\"", "\"b\"")), "another link is behind `wan0`"),
            (LINK.replace("100 M", "1 k"), "so little"),
            (target(""), "no link leads to them"),
            (format!("{LINK}{}", target("http = \"ftp://x/\"")), "cannot be fetched"),
            ("[health.throughput]\nnightly = \"02:00-04:00\"\n".into(), "there is no test"),
            ("[health.throughput]\nbytes = \"900 MB\"\n".into(), "a day"),
        ] {
            let said = said(&more);
            assert!(said.contains(expected), "{more}: {said}");
        }
    }

    #[test]
    fn targets_over_all_links_stay_within_what_the_region_takes() {
        let link = |name: &str| LINK.replace("\"a\"", &format!("\"{name}\"")).replace("wan0", name);
        let mut text: String = ["a", "b", "c", "d"].map(link).concat();
        for index in 0..5 {
            text += &target("tcp = 443").replace("\"t\"", &format!("\"t{index}\""));
        }
        assert!(said(&text).contains("40 series"), "{}", said(&text));
    }
}
