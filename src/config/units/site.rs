//! Sites as a person lists them: `education.example.org` (and what is below it), `10.0.0.0/8`; and
//! one program's address on the network, `proxy.example.org:3128`.

use std::{fmt, net::IpAddr, str::FromStr};

use ipnet::IpNet;

use super::{BadUnit, as_text};

const SITE: &str = "a name such as \"example.org\", or a network such as \"10.0.0.0/8\"";
const ENDPOINT: &str = "a host and a port, such as \"proxy.example.org:3128\"";
/// RFC 1035 §2.3.4, less what the wire adds.
const MAX_NAME_BYTES: usize = 253;
const MAX_LABEL_BYTES: usize = 63;

/// A name with those below it, or a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Site {
    /// In lower case, without dots around it.
    Name(String),
    /// An address alone is a network of one.
    Network(IpNet),
}

impl Site {
    /// Is this name (lower case, no trailing dot) the site's, or below it?
    pub fn has_name(&self, name: &str) -> bool {
        let Self::Name(own) = self else { return false };
        name.strip_suffix(own.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }

    /// Is this address in the network?
    pub fn has_address(&self, address: IpAddr) -> bool {
        matches!(self, Self::Network(network) if network.contains(&address.to_canonical()))
    }
}

fn is_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=MAX_LABEL_BYTES).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    name.len() <= MAX_NAME_BYTES && name.split('.').all(label)
}

impl FromStr for Site {
    type Err = BadUnit;

    fn from_str(text: &str) -> Result<Self, BadUnit> {
        if let Ok(network) = text.parse::<IpNet>() {
            return Ok(Self::Network(network.trunc()));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Network(address.into()));
        }
        let name = text.trim_matches('.').to_ascii_lowercase();
        if is_name(&name) { Ok(Self::Name(name)) } else { Err(BadUnit::new(text, SITE)) }
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Network(network) => network.fmt(f),
        }
    }
}

/// A host (name or address) and a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// A name in lower case, or an address without brackets.
    pub host: String,
    /// TCP.
    pub port: u16,
}

impl FromStr for Endpoint {
    type Err = BadUnit;

    fn from_str(text: &str) -> Result<Self, BadUnit> {
        let bad = || BadUnit::new(text, ENDPOINT);
        let (host, port) = text.rsplit_once(':').ok_or_else(bad)?;
        let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(bad)?;
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(v6) => v6.parse::<std::net::Ipv6Addr>().map_err(|_| bad())?.to_string(),
            None => host.to_ascii_lowercase(),
        };
        let known = is_name(&host) || host.parse::<IpAddr>().is_ok();
        if known { Ok(Self { host, port }) } else { Err(bad()) }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

as_text!(Site, SITE);
as_text!(Endpoint, ENDPOINT);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_covers_what_is_below_it_and_nothing_beside() {
        let site: Site = ".Example.org".parse().unwrap();
        assert_eq!(site.to_string(), "example.org");
        assert!(site.has_name("example.org") && site.has_name("a.b.example.org"));
        assert!(!site.has_name("badexample.org") && !site.has_name("org"));
        let network: Site = "10.1.2.3/8".parse().unwrap();
        assert_eq!(network.to_string(), "10.0.0.0/8");
        assert!(network.has_address("10.9.9.9".parse().unwrap()));
        assert!(network.has_address("::ffff:10.9.9.9".parse().unwrap()));
        assert!(!network.has_name("10.0.0.0"));
        for bad in ["", ".", "a b", "a..b", "http://x/", "10.0.0.0/33"] {
            assert!(bad.parse::<Site>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_endpoint_is_read_back_as_it_is_written() {
        for text in ["proxy.example.org:3128", "10.0.0.1:8080", "[fd00::1]:3128"] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
        for bad in ["proxy", "proxy:0", "proxy:99999", ":80", "a/b:80", "[::x]:1", "fd00::1"] {
            assert!(bad.parse::<Endpoint>().is_err(), "{bad}");
        }
    }
}
