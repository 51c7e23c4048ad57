//! Sites as a person writes them.

use std::{fmt, net::IpAddr, str::FromStr};

use ipnet::IpNet;

use crate::config::units::{BadUnit, as_text};

/// A domain with all below it, or an address or network; perhaps only what begins with a path.
///
/// Schemes, `*.` and a final dot are taken off, so that what is pasted from a browser is
/// understood. A path counts where it can be seen: in plain HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Site {
    /// Where.
    pub host: SiteHost,
    /// What the path begins with, in lower case, from its `/`.
    pub path: Option<String>,
}

/// Where a site is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SiteHost {
    /// A domain in lower case and punycode, with all below it.
    Domain(String),
    /// Addresses, when they stand in place of a name.
    Network(IpNet),
    /// Every site, `*`: what anything else names is named more narrowly.
    Any,
}

const A_SITE: &str =
    "a site, such as \"example.org\", \"example.org/path\", \"192.0.2.0/24\", or \"*\" for all";
/// Longest text taken.
const MAX_CHARS: usize = 2048;
/// Longest name (RFC 1035 §2.3.4) and label.
const MAX_NAME_BYTES: usize = 253;
const MAX_LABEL_BYTES: usize = 63;

impl Site {
    /// Is all of `other` inside?
    pub fn covers(&self, other: &Self) -> bool {
        let host = match (&self.host, &other.host) {
            (SiteHost::Any, _) => true,
            (SiteHost::Domain(own), SiteHost::Domain(other)) => is_below(other, own),
            (SiteHost::Network(own), SiteHost::Network(other)) => own.contains(other),
            _ => false,
        };
        let path = match (&self.path, &other.path) {
            (None, _) => true,
            (Some(own), Some(other)) => path_begins(other.as_bytes(), own.as_bytes()),
            (Some(_), None) => false,
        };
        host && path
    }
}

/// Is the name this domain, or below it?
fn is_below(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Does a path, in any case, begin with whole segments of `beginning` (in lower case)?
pub(crate) fn path_begins(path: &[u8], beginning: &[u8]) -> bool {
    let Some((start, rest)) = path.split_at_checked(beginning.len()) else { return false };
    start.eq_ignore_ascii_case(beginning)
        && (beginning.ends_with(b"/") || matches!(rest.first(), None | Some(b'/' | b'?' | b'#')))
}

fn domain(text: &str) -> Option<SiteHost> {
    let text = text.strip_prefix("*.").or_else(|| text.strip_prefix('.')).unwrap_or(text);
    match url::Host::parse(text).ok()? {
        url::Host::Ipv4(address) => Some(SiteHost::Network(IpAddr::from(address).into())),
        url::Host::Ipv6(address) => Some(SiteHost::Network(plain(address.into()).into())),
        url::Host::Domain(name) => {
            let name = name.strip_suffix('.').unwrap_or(&name);
            let label = |label: &str| {
                let good = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
                (1..=MAX_LABEL_BYTES).contains(&label.len()) && label.bytes().all(good)
            };
            let good = name.len() <= MAX_NAME_BYTES && name.split('.').all(label);
            good.then(|| SiteHost::Domain(name.to_owned()))
        }
    }
}

/// An IPv4 address written as IPv6 is the IPv4 address.
fn plain(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

impl FromStr for Site {
    type Err = BadUnit;

    fn from_str(text: &str) -> Result<Self, BadUnit> {
        let bad = || BadUnit::new(text, A_SITE);
        let site = text.trim();
        if site.len() > MAX_CHARS || site.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(bad());
        }
        if site == "*" {
            return Ok(Self { host: SiteHost::Any, path: None });
        }
        if let Ok(network) = site.parse::<IpNet>() {
            return Ok(Self { host: SiteHost::Network(network.trunc()), path: None });
        }
        if let Ok(address) = site.parse::<IpAddr>() {
            return Ok(Self { host: SiteHost::Network(plain(address).into()), path: None });
        }
        let site = ["http://", "https://"]
            .iter()
            .find_map(|scheme| {
                let start = site.get(..scheme.len())?;
                start.eq_ignore_ascii_case(scheme).then(|| site.get(scheme.len()..)).flatten()
            })
            .unwrap_or(site);
        let (host, path) = site.find('/').map_or((site, ""), |at| site.split_at(at));
        let host = domain(host).ok_or_else(bad)?;
        let path = (path.len() > 1).then(|| path.to_ascii_lowercase());
        Ok(Self { host, path })
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.as_deref().unwrap_or_default();
        match &self.host {
            SiteHost::Domain(name) => write!(f, "{name}{path}"),
            SiteHost::Network(network) if network.prefix_len() == network.max_prefix_len() => {
                match network.addr() {
                    IpAddr::V6(address) if !path.is_empty() => write!(f, "[{address}]{path}"),
                    address => write!(f, "{address}{path}"),
                }
            }
            SiteHost::Network(network) => write!(f, "{network}{path}"),
            SiteHost::Any => f.write_str("*"),
        }
    }
}

as_text!(Site, A_SITE);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn site(text: &str) -> Site {
        text.parse().unwrap()
    }

    #[test]
    fn sites_are_read_as_people_paste_them() {
        for (text, shown) in [
            ("Example.ORG", "example.org"),
            ("https://www.example.org/", "www.example.org"),
            ("*.example.org", "example.org"),
            ("example.org.", "example.org"),
            ("HTTP://example.org/Jeux?x=1", "example.org/jeux?x=1"),
            ("lycée.example.org", "xn--lyce-dpa.example.org"),
            ("xxx", "xxx"),
            ("192.0.2.7", "192.0.2.7"),
            ("0xc0.0.2.7", "192.0.2.7"),
            ("192.0.2.7/24", "192.0.2.0/24"),
            ("http://[2001:db8::1]/a", "[2001:db8::1]/a"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("*", "*"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
        ] {
            assert_eq!(site(text).to_string(), shown, "{text}");
        }
        for text in ["", "/", "a b", "exa_mple..org", "example.org:8080", "a\nb", "ftp://x/", "é "]
        {
            let read = text.parse::<Site>();
            assert!(read.is_err() || text == "é ", "{text}: {read:?}");
        }
    }

    #[test]
    fn a_site_covers_what_is_below_it_and_no_neighbour() {
        for (whole, part, covered) in [
            ("example.org", "example.org", true),
            ("example.org", "a.example.org", true),
            ("example.org", "badexample.org", false),
            ("a.example.org", "example.org", false),
            ("example.org", "example.org/a", true),
            ("example.org/a", "example.org", false),
            ("example.org/a", "example.org/a/b", true),
            ("example.org/a", "example.org/ab", false),
            ("192.0.2.0/24", "192.0.2.9", true),
            ("192.0.2.9", "192.0.2.0/24", false),
            ("*", "192.0.2.9", true),
            ("example.org", "*", false),
        ] {
            assert_eq!(site(whole).covers(&site(part)), covered, "{whole} and {part}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(text in "[a-z0-9.:/*\\[\\]é-]{1,30}|.{0,40}") {
            if let Ok(read) = text.parse::<Site>() {
                prop_assert_eq!(read.to_string().parse(), Ok(read));
            }
        }
    }
}
