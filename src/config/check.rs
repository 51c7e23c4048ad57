//! What types cannot say: bounds, pairs and names that must agree. Pure; looks at no file.

mod dns;
mod gateway;
mod health;
mod journal;
mod tickets;
mod uplink;

use std::{collections::HashSet, path::Path, time::Duration};

use super::{
    ByteRate, ByteSize, Config, Credentials, Network, Period, SignIn, filter,
    place::leaf,
    report::Severity::{self, Error, Warning},
};

/// Something wrong at a key.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) key: String,
    pub(super) severity: Severity,
    pub(super) says: String,
    pub(super) expected: &'static str,
}

const MAX_NAME_CHARS: usize = 200;
const MAX_SOURCES: usize = 64;
const MAX_SOURCE_NAME_CHARS: usize = 64;
const MAX_LISTENERS: usize = 16;
const MAX_CONNECTIONS: usize = 1_000_000;
const MAX_PARALLEL: usize = 64;
const LONGEST_DRAIN: Duration = Duration::from_secs(300);
const SHORTEST_SESSION: Duration = Duration::from_secs(5 * 60);
const LONGEST_IDLE: Duration = Duration::from_secs(24 * 3600);
const MAX_SHARED_NETWORKS: usize = 256;
const LONGEST_SESSION: Duration = Duration::from_secs(30 * 24 * 3600);
const SHORTEST_REFRESH: Duration = Duration::from_secs(60);
/// `sun_path` of `sockaddr_un`, less its final zero (unix(7)).
const MAX_SOCKET_PATH_BYTES: usize = 107;
/// Named by the catalogue for what came from a USB stick.
const RESERVED_SOURCE_NAME: &str = "import";

/// What a key of this name takes, for errors of other people's parsers that do not say it.
pub(super) fn expectation(key: &str) -> &'static str {
    match leaf(key) {
        "allow" | "networks" => "a network, such as \"10.1.0.0/16\" or \"fd00:1::/64\"",
        "from" | "to" => "a date and time, such as \"2027-06-15T08:00\"; a date for holidays",
        "days_off" | "school_days" => "a date, such as \"2027-05-07\"",
        "listen" => "an address and a port, such as \"0.0.0.0:80\" or \"[::]:80\"",
        "resolvers" => "an address, such as \"192.0.2.53\", with the resolver's name under TLS",
        "gateway" => "an address, such as \"10.0.0.1\"",
        "direct" | "bypass" | "private" => {
            "a name, such as \"example.org\", or a network, such as \"10.0.0.0/8\""
        }
        "region_key" => "the region's public key, such as `preau-region journal keygen` prints",
        "proxy" | "advertise" | "targets" => {
            "a host and a port, such as \"proxy.example.org:3128\""
        }
        "allow_private" | "metrics_for" | "shared_addresses" => {
            "a network, such as \"10.0.0.0/8\" or \"fd00::/8\""
        }
        "server" => "a host and a port, such as \"smtp.example.org:587\"",
        "address" => "a host and a port, such as \"10.1.0.5:161\"",
        "url" => "an address, such as \"https://gar.example.org/\"",
        _ => "",
    }
}

/// Every fault, in the order of the file's sections.
pub(super) fn check(config: &Config) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut found = |key: &str, severity, says: String, expected| {
        faults.push(Fault { key: key.to_owned(), severity, says, expected });
    };
    check_school(config, &mut found);
    check_network(&config.network, &mut found);
    check_https(config, &mut found);
    check_access(config, &mut found);
    check_store(config, &mut found);
    check_sources(config, &mut found);
    check_mirror(config, &mut found);
    dns::check_dns(config, &mut found);
    journal::check_journal(config, &mut found);
    gateway::check_gateway(config, &mut found);
    health::check_health(config, &mut found);
    uplink::check_uplink(config, &mut found);
    tickets::check_tickets(config, &mut found);
    check_control(config, &mut found);
    faults.extend(filter::check(&config.filter));
    faults.extend(shares_of_nothing(config));
    faults
}

/// Ceilings that are a share of a link of which nobody said what it carries.
fn shares_of_nothing(config: &Config) -> Vec<Fault> {
    if config.gateway.downlink.is_some() {
        return Vec::new();
    }
    let merged = config.filter.merged();
    let shares = merged.profiles.iter().filter_map(|profile| {
        let ceiling = profile.ceiling.filter(|ceiling| ceiling.of(None).is_none())?;
        let own = config.filter.profiles.iter().position(|own| own.name == profile.name);
        let says = format!("{ceiling} of an unknown link: the ceiling of `{}`", profile.name);
        Some(Fault {
            key: own.map_or("filter".into(), |at| format!("filter.profiles[{at}].ceiling")),
            severity: Warning,
            says: says + " does not hold",
            expected: "gateway.downlink too, or a rate such as \"20 Mbit/s\"",
        })
    });
    shares.collect()
}

type Found<'a> = dyn FnMut(&str, Severity, String, &'static str) + 'a;

fn check_school(config: &Config, found: &mut Found<'_>) {
    let school = &config.school;
    if let Some(letter) = school.uai.expected_key() {
        let says = format!("{}: its digits call for the key letter {letter}", school.uai);
        found("school.uai", Warning, says, "a real school's UAI (test platforms invent letters)");
    }
    let name = school.name.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME_CHARS {
        found("school.name", Error, "the name is empty or too long".into(), "1 to 200 characters");
    }
    if jiff::tz::TimeZone::get(&school.timezone).is_err() {
        let says = format!("`{}` is no time zone known here", school.timezone);
        found("school.timezone", Error, says, "an IANA name such as \"Europe/Paris\"");
    }
}

fn check_network(network: &Network, found: &mut Found<'_>) {
    if network.listen.is_empty() || network.listen.len() > MAX_LISTENERS {
        let says = format!("{} addresses to listen on", network.listen.len());
        found("network.listen", Error, says, "1 to 16, such as [\"0.0.0.0:80\"]");
    }
    let mut seen = HashSet::new();
    for (index, address) in network.listen.iter().enumerate() {
        if !seen.insert(address) {
            let says = format!("{address} is listed twice");
            found(&format!("network.listen[{index}]"), Error, says, "each address once");
        }
    }
    if !(1..=MAX_CONNECTIONS).contains(&network.max_connections) {
        let says = format!("{} connections at once", network.max_connections);
        found("network.max_connections", Error, says, "1 to 1000000");
    }
    if network.drain.0 > LONGEST_DRAIN {
        let says = format!("{} is long for a stop", network.drain);
        found("network.drain", Error, says, "at most 5m");
    }
}

fn check_access(config: &Config, found: &mut Found<'_>) {
    let access = &config.access;
    let ents = usize::from(access.cas.is_some()) + usize::from(access.oidc.is_some());
    if access.sign_in == SignIn::Required && ents == 0 {
        let says = "readers must sign in, and nothing says where".into();
        let expected = "[access.cas] or [access.oidc]; or sign_in = \"off\"";
        found("access.sign_in", Error, says, expected);
    }
    if ents > 1 {
        let says = "both CAS and OpenID Connect are set".into();
        found("access.oidc", Warning, says, "one of the two; CAS is used");
    }
    if access.session.0 < SHORTEST_SESSION || access.session.0 > LONGEST_SESSION {
        let says = format!("a session of {}", access.session);
        found("access.session", Error, says, "5m to 30d");
    }
    if access.device_idle < Period::seconds(60) || access.device_idle.0 > LONGEST_IDLE {
        let says = format!("a role kept for {}", access.device_idle);
        found("access.device_idle", Error, says, "1m to 24h");
    }
    if access.shared_addresses.len() > MAX_SHARED_NETWORKS {
        let says = format!("{} networks", access.shared_addresses.len());
        found("access.shared_addresses", Error, says, "at most 256");
    }
    let none = Credentials::default();
    if let Some(cas) = &access.cas {
        check_url("access.cas.url", &cas.url, &none, found);
        for (index, pair) in cas.parameters.iter().enumerate() {
            if pair.split_once('=').is_none_or(|(name, _)| name.is_empty()) {
                let says = format!("`{}` is no name and value", pair.escape_debug());
                found(&format!("access.cas.parameters[{index}]"), Error, says, "\"name=value\"");
            }
        }
    }
    if let Some(oidc) = &access.oidc {
        check_url("access.oidc.issuer", &oidc.issuer, &none, found);
        if oidc.client_id.trim().is_empty() {
            let says = "the client has no name".into();
            found("access.oidc.client_id", Error, says, "what the ENT registered");
        }
        if let Some(file) = &oidc.client_secret_file {
            absolute("access.oidc.client_secret_file", file, found);
        }
    }
    if let Some(service) = &access.service {
        check_url("access.service", service, &none, found);
    }
    if let Some(list) = &access.resource_list {
        check_url("access.resource_list.url", &list.url, &list.credentials, found);
        check_credentials("access.resource_list.credentials", &list.credentials, found);
        if list.ent.trim().is_empty() {
            let key = "access.resource_list.ent";
            found(key, Error, "`ent` is empty".into(), "what the ENT gave");
        }
    }
}

fn check_https(config: &Config, found: &mut Found<'_>) {
    let https = &config.https;
    let given = https.certificate.is_some() || https.key.is_some();
    for (name, path) in [("certificate", &https.certificate), ("key", &https.key)] {
        if let Some(path) = path {
            absolute(&format!("https.{name}"), path, found);
        }
    }
    if https.certificate.is_some() != https.key.is_some() {
        let says = "a certificate and its key go together".into();
        found("https.certificate", Error, says, "both, or [https.acme]");
    }
    if given && https.acme.is_some() {
        let says = "a certificate is given, and one is asked for".into();
        found("https.acme", Warning, says, "one of the two; the given one is used");
    }
    match &https.name {
        None if given || https.acme.is_some() || !https.listen.is_empty() => {
            let says = "HTTPS is set up without a name".into();
            found("https.name", Error, says, "what readers type, such as \"preau.example.org\"");
        }
        Some(name) if !is_host_name(name) => {
            let says = format!("`{}` is no host name", name.escape_debug());
            found("https.name", Error, says, "such as \"preau.example.org\", without a port");
        }
        Some(_) if !given && https.acme.is_none() => {
            let says = "nothing says where its certificate comes from".into();
            found("https.name", Error, says, "https.certificate and https.key, or [https.acme]");
        }
        _ => {}
    }
    if https.listen.len() > MAX_LISTENERS {
        let says = format!("{} addresses to listen on", https.listen.len());
        found("https.listen", Error, says, "at most 16");
    }
    if let Some(acme) = &https.acme {
        let none = Credentials::default();
        check_url("https.acme.directory", &acme.directory, &none, found);
        check_url("https.acme.dns", &acme.dns, &none, found);
        absolute("https.acme.dns_account", &acme.dns_account, found);
    }
}

/// Letters, digits and hyphens between dots (RFC 1123 §2.1).
fn is_host_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(label)
}

fn check_store(config: &Config, found: &mut Found<'_>) {
    let store = &config.store;
    absolute("store.path", &store.path, found);
    if let Some(quota) = store.quota
        && quota <= store.reserve
    {
        let says = format!("the quota ({quota}) is not above the reserve ({})", store.reserve);
        found("store.quota", Error, says, "more than store.reserve");
    }
    moving("store.scrub_rate", Some(store.scrub_rate), found);
    if let Some(quota) = store.quota
        && config.mirror.largest_package > quota
    {
        let largest = config.mirror.largest_package;
        let says = format!("packages of up to {largest} are accepted, the quota is {quota}");
        found("mirror.largest_package", Warning, says, "at most store.quota");
    }
}

fn check_sources(config: &Config, found: &mut Found<'_>) {
    let catalogue = &config.catalogue;
    let mut names = HashSet::new();
    let mut source = |key: String, name: &str, url: &url::Url, credentials: &Credentials| {
        let printable = name.chars().all(|c| !c.is_control() && c != '/');
        let length = name.chars().count();
        if !printable || !(1..=MAX_SOURCE_NAME_CHARS).contains(&length) {
            let says = format!("`{}` names no source", name.escape_debug());
            found(&format!("{key}.name"), Error, says, "1 to 64 characters, no `/`");
        } else if name == RESERVED_SOURCE_NAME {
            let says = "`import` is the name of plan B imports".into();
            found(&format!("{key}.name"), Error, says, "another name");
        } else if !names.insert(name.to_owned()) {
            let says = format!("another source is called `{name}`");
            found(&format!("{key}.name"), Error, says, "a name of its own for each source");
        }
        check_url(&format!("{key}.url"), url, credentials, found);
        check_credentials(&format!("{key}.credentials"), credentials, found);
    };
    for (index, s) in catalogue.subscriptions.iter().enumerate() {
        source(format!("catalogue.subscriptions[{index}]"), &s.name, &s.url, &s.credentials);
    }
    for (index, s) in catalogue.resource_lists.iter().enumerate() {
        source(format!("catalogue.resource_lists[{index}]"), &s.name, &s.url, &s.credentials);
    }
    for (index, s) in catalogue.feeds.iter().enumerate() {
        source(format!("catalogue.feeds[{index}]"), &s.name, &s.url, &s.credentials);
    }
    for (index, list) in catalogue.resource_lists.iter().enumerate() {
        for (field, value) in [("ent", &list.ent), ("person", &list.person)] {
            if value.trim().is_empty() {
                let key = format!("catalogue.resource_lists[{index}].{field}");
                found(&key, Error, format!("`{field}` is empty"), "what the ENT gave");
            }
        }
    }
    let count =
        catalogue.subscriptions.len() + catalogue.resource_lists.len() + catalogue.feeds.len();
    if count > MAX_SOURCES {
        found("catalogue", Error, format!("{count} sources"), "at most 64");
    }
    if let Some(refresh) = catalogue.refresh
        && refresh.0 < SHORTEST_REFRESH
    {
        let says = format!("every {refresh} is too often for the sources");
        found("catalogue.refresh", Error, says, "at least 1m");
    }
}

fn check_url(key: &str, url: &url::Url, credentials: &Credentials, found: &mut Found<'_>) {
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        let says = format!("`{}:` cannot be fetched", url.scheme());
        found(key, Error, says, "http:// or https://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        let says = "a name or password stands in the address".into();
        found(key, Error, says, "credentials.token_file, or a certificate and its key");
    }
    if url.scheme() == "http" && *credentials != Credentials::default() {
        let says = "credentials are of no use, or not safe, over plain http".into();
        found(key, Warning, says, "https://");
    }
}

fn check_credentials(key: &str, credentials: &Credentials, found: &mut Found<'_>) {
    if credentials.certificate.is_some() != credentials.key.is_some() {
        let (has, lacks) =
            if credentials.key.is_some() { ("key", "certificate") } else { ("certificate", "key") };
        let says = format!("a {has} without a {lacks}");
        found(&format!("{key}.{has}"), Error, says, "certificate and key together");
    }
    for (name, path) in [
        ("certificate", &credentials.certificate),
        ("key", &credentials.key),
        ("token_file", &credentials.token_file),
    ] {
        if let Some(path) = path {
            absolute(&format!("{key}.{name}"), path, found);
        }
    }
}

fn check_mirror(config: &Config, found: &mut Found<'_>) {
    let mirror = &config.mirror;
    for (name, count) in
        [("parallel", mirror.parallel), ("parallel_per_origin", mirror.parallel_per_origin)]
    {
        if !(1..=MAX_PARALLEL).contains(&count) {
            found(
                &format!("mirror.{name}"),
                Error,
                format!("{count} downloads at once"),
                "1 to 64",
            );
        }
    }
    if mirror.parallel_per_origin > mirror.parallel {
        let says = format!("{} an origin, {} in all", mirror.parallel_per_origin, mirror.parallel);
        found("mirror.parallel_per_origin", Warning, says, "at most mirror.parallel");
    }
    moving("mirror.rate", mirror.rate, found);
    moving("mirror.class_hours_rate", mirror.class_hours_rate, found);
    moving("mirror.slowest", Some(mirror.slowest), found);
    for (name, period) in [("retry_first", mirror.retry_first), ("stall_after", mirror.stall_after)]
    {
        if period == Period::seconds(0) {
            found(&format!("mirror.{name}"), Error, "no time at all".into(), "at least 1s");
        }
    }
    if mirror.retry_first > mirror.retry_longest {
        let says = format!("the first wait ({}) is longer than the longest", mirror.retry_first);
        found("mirror.retry_first", Error, says, "at most mirror.retry_longest");
    }
    if let (Some(rate), Some(classes)) = (mirror.rate, mirror.class_hours_rate)
        && classes > rate
        && !mirror.class_hours.is_empty()
    {
        let says = format!("{classes} while classes are on, {rate} when they are not");
        found("mirror.class_hours_rate", Warning, says, "at most mirror.rate");
    }
    if mirror.largest_package == ByteSize(0) {
        let says = "no package is that small".into();
        found("mirror.largest_package", Error, says, "a size above 0");
    }
}

fn check_control(config: &Config, found: &mut Found<'_>) {
    let socket = &config.control.socket;
    absolute("control.socket", socket, found);
    if socket.as_os_str().len() > MAX_SOCKET_PATH_BYTES {
        let says = "the path is too long for a unix socket".into();
        found("control.socket", Error, says, "at most 107 bytes");
    }
    if config.control.group.as_ref().is_some_and(|group| group.trim().is_empty()) {
        found("control.group", Error, "the group has no name".into(), "a group, or no key");
    }
}

/// A service starts in `/`: a relative path would be a surprise.
pub(super) fn absolute(key: &str, path: &Path, found: &mut Found<'_>) {
    if !path.is_absolute() {
        let says = format!("`{}` is a relative path", path.display());
        found(key, Error, says, "a path from the root, such as \"/var/lib/preau\"");
    }
}

fn moving(key: &str, rate: Option<ByteRate>, found: &mut Found<'_>) {
    if rate == Some(ByteRate(0)) {
        found(key, Error, "at this rate nothing moves".into(), "a rate above 0, or no key");
    }
}
