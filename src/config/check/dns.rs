//! What the types of `[dns]` cannot say.

use std::time::Duration;

use super::{Found, MAX_LISTENERS};
use crate::config::{
    ByteSize, Config, Dnssec, Period, Site,
    report::Severity::{Error, Warning},
};

const MAX_RESOLVERS: usize = 16;
const MAX_LISTED: usize = 1000;
const MAX_ADDRESSES: usize = 16;
const LEAST_MEMORY: ByteSize = ByteSize(1 << 20);
/// More would keep what is long gone.
const LONGEST_FLOOR: Duration = Duration::from_secs(3600);
/// RFC 8767 §4: a week.
const LONGEST_TTL: Duration = Duration::from_secs(7 * 24 * 3600);

pub(super) fn check_dns(config: &Config, found: &mut Found<'_>) {
    let dns = &config.dns;
    for (key, listen) in [("dns.listen", &dns.listen), ("dns.listen_tls", &dns.listen_tls)] {
        if listen.len() > MAX_LISTENERS {
            let says = format!("{} addresses to listen on", listen.len());
            found(key, Error, says, "at most 16");
        }
    }
    if !dns.listen_tls.is_empty() && config.https.name.is_none() {
        let says = "the box has no certificate to show".into();
        found("dns.listen_tls", Error, says, "https.name and its certificate, or no such address");
    }
    let listens = !dns.listen.is_empty() || !dns.listen_tls.is_empty();
    if listens && dns.resolvers.is_empty() {
        let says = "nobody could be asked for an answer".into();
        found("dns.resolvers", Error, says, "one address or more");
    }
    if dns.resolvers.len() > MAX_RESOLVERS {
        let says = format!("{} resolvers", dns.resolvers.len());
        found("dns.resolvers", Error, says, "at most 16");
    }
    for (index, resolver) in dns.resolvers.iter().enumerate() {
        if dns.listen.iter().chain(&dns.listen_tls).any(|own| *own == resolver.address) {
            let says = format!("{} is the box itself, which would ask itself", resolver.address);
            found(&format!("dns.resolvers[{index}]"), Error, says, "another resolver");
        }
    }
    let zone = dns.zone.as_deref().unwrap_or("x");
    if !zone.parse().is_ok_and(|site| matches!(site, Site::Name(_))) {
        found("dns.zone", Error, format!("`{zone}` is no name"), "a name, such as \"preau.lan\"");
    }
    for (name, count, most, expected) in [
        ("allow", dns.allow.len(), MAX_LISTED, "at most 1000"),
        ("private", dns.private.len(), MAX_LISTED, "at most 1000"),
        ("addresses", dns.addresses.len(), MAX_ADDRESSES, "at most 16"),
    ] {
        if count > most {
            found(&format!("dns.{name}"), Error, format!("{count} of them"), expected);
        }
    }
    if dns.memory < LEAST_MEMORY {
        found("dns.memory", Error, format!("{} hold no answers", dns.memory), "1 MiB or more");
    }
    for (name, period, longest, expected) in [
        ("ttl_floor", dns.ttl_floor, LONGEST_FLOOR, "at most 1h"),
        ("ttl_ceiling", dns.ttl_ceiling, LONGEST_TTL, "1m to 7d"),
        ("stale", dns.stale, LONGEST_TTL, "at most 7d"),
    ] {
        let short = name == "ttl_ceiling" && period < Period::seconds(60);
        if short || period.0 > longest {
            let says = format!("{period} is too short or too long");
            found(&format!("dns.{name}"), Error, says, expected);
        }
    }
    if dns.trust_anchors.is_some() && dns.dnssec == Dnssec::Pass {
        let says = "nobody looks at keys while signatures are only passed on".into();
        found("dns.trust_anchors", Warning, says, "with dns.dnssec = \"validate\"");
    }
    if dns.ttl_floor > dns.ttl_ceiling {
        let says = format!("{} is longer than the ceiling", dns.ttl_floor);
        found("dns.ttl_floor", Error, says, "at most dns.ttl_ceiling");
    }
}
