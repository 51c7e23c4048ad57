//! A resolver that is asked: `192.0.2.53`, `[2001:db8::53]:5353`, or, under TLS,
//! `192.0.2.53#dns.example.org`.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use super::{BadUnit, as_text};

const NAMESERVER: &str = "an address, such as \"192.0.2.53\", \"[2001:db8::53]:53\", or, under TLS, \
     \"192.0.2.53#dns.example.org\"";
/// The port of DNS (RFC 1035 §4.2).
const PORT: u16 = 53;
/// The port of DNS under TLS (RFC 7858 §3.1).
const TLS_PORT: u16 = 853;

/// Where a resolver is, and how it is asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Nameserver {
    /// Its address and port.
    pub address: SocketAddr,
    /// The name in its certificate, when it is asked under TLS.
    pub name: Option<String>,
}

impl FromStr for Nameserver {
    type Err = BadUnit;

    fn from_str(text: &str) -> Result<Self, BadUnit> {
        let bad = || BadUnit::new(text, NAMESERVER);
        let (place, name) = match text.split_once('#') {
            Some((place, name)) => (place, Some(name.to_ascii_lowercase())),
            None => (text, None),
        };
        if name
            .as_ref()
            .is_some_and(|name| rustls::pki_types::DnsName::try_from(name.as_str()).is_err())
        {
            return Err(bad());
        }
        let port = if name.is_some() { TLS_PORT } else { PORT };
        let alone = place.parse::<IpAddr>().map(|address| SocketAddr::new(address, port));
        let address = alone.or_else(|_| place.parse()).map_err(|_| bad())?;
        Ok(Self { address, name })
    }
}

impl fmt::Display for Nameserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usual = if self.name.is_some() { TLS_PORT } else { PORT };
        if self.address.port() == usual {
            self.address.ip().fmt(f)?;
        } else {
            self.address.fmt(f)?;
        }
        self.name.as_ref().map_or(Ok(()), |name| write!(f, "#{name}"))
    }
}

as_text!(Nameserver, NAMESERVER);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resolver_is_read_and_written_alike() {
        for (text, address, name) in [
            ("192.0.2.53", "192.0.2.53:53", None),
            ("192.0.2.53:5353", "192.0.2.53:5353", None),
            ("2001:db8::53", "[2001:db8::53]:53", None),
            ("[2001:db8::53]:5353", "[2001:db8::53]:5353", None),
            ("192.0.2.53#dns.example.org", "192.0.2.53:853", Some("dns.example.org")),
            ("192.0.2.53:8853#dns.example.org", "192.0.2.53:8853", Some("dns.example.org")),
        ] {
            let read: Nameserver = text.parse().unwrap();
            assert_eq!((read.address.to_string(), read.name.as_deref()), (address.into(), name));
            assert_eq!(read.to_string(), text);
        }
        for bad in ["", "dns.example.org", "192.0.2.53#", "192.0.2.53#a b", "192.0.2.53:99999"] {
            assert!(bad.parse::<Nameserver>().is_err(), "{bad}");
        }
    }
}
