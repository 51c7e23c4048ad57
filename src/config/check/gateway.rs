//! What the types of `[gateway]` cannot say.

use std::{net::SocketAddr, time::Duration};

use super::{Found, MAX_CONNECTIONS, MAX_LISTENERS, absolute, moving};
use crate::config::{
    ByteRate, Config, Gateway, LinkPart, Period, Upstream,
    report::Severity::{Error, Warning},
};

const MAX_PORTS: usize = 64;
const MAX_TARGETS: usize = 8;
const MAX_SITES: usize = 1000;
const MAX_CONTACT_CHARS: usize = 200;
const MAX_USER_CHARS: usize = 200;
/// Devices keep at least a tenth of the link.
const MOST_RESERVED: LinkPart = LinkPart::Percent(90);
const LONGEST_CONNECT: Duration = Duration::from_secs(60);
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);
/// To a mail server: the way of spam, never of a lesson.
const MAIL_PORT: u16 = 25;

pub(super) fn check_gateway(config: &Config, found: &mut Found<'_>) {
    let gateway = &config.gateway;
    let taken = &gateway.transparent;
    check_listeners("gateway.listen", &gateway.listen, config, found);
    for (key, addresses, expected) in [
        (
            "gateway.transparent.http",
            &taken.http,
            "an IPv4 address; for IPv6, the socket that systemd passes (preau-tproxy.socket)",
        ),
        (
            "gateway.transparent.tls",
            &taken.tls,
            "an IPv4 address; for IPv6, the socket that systemd passes (preau-tproxy-tls.socket)",
        ),
    ] {
        check_listeners(key, addresses, config, found);
        for (index, address) in addresses.iter().enumerate().filter(|(_, one)| one.is_ipv6()) {
            let says = format!("{address} cannot be made transparent by the box itself");

            found(&format!("{key}[{index}]"), Error, says, expected);
        }
    }
    if !(1..=MAX_CONNECTIONS).contains(&gateway.max_connections) {
        let says = format!("{} connections at once", gateway.max_connections);
        found("gateway.max_connections", Error, says, "1 to 1000000");
    }
    if !(1..=MAX_CONNECTIONS).contains(&gateway.connections_per_device) {
        let says = format!("{} connections a device", gateway.connections_per_device);
        found("gateway.connections_per_device", Error, says, "1 to 1000000");
    }
    check_ports(gateway, found);
    check_times(gateway, found);
    moving("gateway.downlink", gateway.downlink, found);
    moving("gateway.uplink", gateway.uplink, found);
    let links = [gateway.downlink, gateway.uplink];
    if !links.into_iter().all(|link| leaves_something(gateway.reserve, link)) {
        let says = format!("with {} set aside, devices have nearly nothing", gateway.reserve);
        found(
            "gateway.reserve",
            Error,
            says,
            "at most 90 % of gateway.downlink and of gateway.uplink",
        );
    }
    if let Some(upstream) = &gateway.upstream {
        check_account(upstream, found);
    }
    let contact = gateway.contact.as_deref().unwrap_or("x");
    if contact.trim().is_empty() || contact.chars().count() > MAX_CONTACT_CHARS {
        let says = "nobody could be asked there".into();
        found("gateway.contact", Error, says, "1 to 200 characters, or no key");
    }
    let targets = config.link.targets.len();
    if targets > MAX_TARGETS {
        found("link.targets", Error, format!("{targets} targets"), "at most 8");
    }
    let bypass = gateway.upstream.as_ref().map_or(0, |upstream| upstream.bypass.len());
    for (key, count) in [("direct", gateway.direct.len()), ("upstream.bypass", bypass)] {
        if count > MAX_SITES {
            let says = format!("{count} sites");
            found(&format!("gateway.{key}"), Error, says, "at most 1000");
        }
    }
}

fn check_listeners(key: &str, on: &[SocketAddr], config: &Config, found: &mut Found<'_>) {
    if on.len() > MAX_LISTENERS {
        let says = format!("{} addresses to listen on", on.len());
        found(key, Error, says, "at most 16");
    }
    for (index, address) in on.iter().enumerate() {
        let library = config.network.listen.contains(address);
        if address.port() != 0 && (library || config.https.listen.contains(address)) {
            let says = format!("the library listens on {address} already");
            found(&format!("{key}[{index}]"), Error, says, "a port of its own");
        }
    }
}

/// Is what is set aside of a link little enough? A rate of an unknown link always is.
fn leaves_something(reserve: LinkPart, link: Option<ByteRate>) -> bool {
    match reserve {
        LinkPart::Percent(_) => reserve.is_within(MOST_RESERVED),
        LinkPart::Rate(_) => link.is_none() || reserve.of(link) <= MOST_RESERVED.of(link),
    }
}

fn check_account(upstream: &Upstream, found: &mut Found<'_>) {
    if let Some(file) = &upstream.password_file {
        absolute("gateway.upstream.password_file", file, found);
    }
    if upstream.user.is_some() != upstream.password_file.is_some() {
        let (has, lacks) = match upstream.user {
            Some(_) => ("user", "password_file"),
            None => ("password_file", "user"),
        };
        let says = format!("a {has} without a {lacks}");
        found(&format!("gateway.upstream.{has}"), Error, says, "both, or neither");
    }
    // RFC 7617 §2: the colon ends the name.
    let good = |user: &str| {
        (1..=MAX_USER_CHARS).contains(&user.chars().count())
            && !user.chars().any(|c| c == ':' || c.is_control())
    };
    if upstream.user.as_deref().is_some_and(|user| !good(user)) {
        let says = "the other proxy could not read this name".into();
        found("gateway.upstream.user", Error, says, "1 to 200 characters, no colon");
    }
}

fn check_ports(gateway: &Gateway, found: &mut Found<'_>) {
    for (name, ports) in
        [("connect_ports", &gateway.connect_ports), ("plain_ports", &gateway.plain_ports)]
    {
        let key = format!("gateway.{name}");
        if ports.len() > MAX_PORTS || ports.contains(&0) {
            found(&key, Error, format!("{} ports", ports.len()), "at most 64, none of them 0");
        }
        if ports.contains(&MAIL_PORT) {
            let says = "mail servers could be reached through the proxy".into();
            found(&key, Warning, says, "no port 25");
        }
    }
}

fn check_times(gateway: &Gateway, found: &mut Found<'_>) {
    for (name, period, longest, expected) in [
        ("connect_timeout", gateway.connect_timeout, LONGEST_CONNECT, "1s to 1m"),
        ("answer_timeout", gateway.answer_timeout, LONGEST_WAIT, "1s to 24h"),
        ("idle_timeout", gateway.idle_timeout, LONGEST_WAIT, "1s to 24h"),
    ] {
        if period < Period::seconds(1) || period.0 > longest {
            let says = format!("{period} is too short or too long");
            found(&format!("gateway.{name}"), Error, says, expected);
        }
    }
}
