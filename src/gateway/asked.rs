//! Where a request wants to go, in one spelling: what is judged is what is dialled.

use std::{fmt, net::SocketAddr};

use http::{Uri, uri::Authority};

use crate::filter::host::{Host, Name};

/// Of `http` (RFC 9110 §4.2.1).
pub const HTTP_PORT: u16 = 80;

/// Why a request's target leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadTarget {
    /// Neither a name nor an address that a browser would take.
    #[error("the host is neither a name nor an address")]
    Host,
    /// RFC 9110 §4.2.4: a user before the host is a trick.
    #[error("a user stands before the host")]
    User,
    /// No number from 1 to 65535, or none at all for a tunnel.
    #[error("the port is missing or no port")]
    Port,
    /// A proxy in the clear speaks to `http` addresses; others come by CONNECT.
    #[error("only http:// addresses are asked for in the clear")]
    Scheme,
}

/// What is judged is read by the same rules as the lists, and is a name that can be resolved.
pub fn host_of(text: &str) -> Result<Host, BadTarget> {
    let resolves = |name: &Name| {
        let letter = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        name.as_bytes().iter().all(letter)
    };
    let host = Host::parse(text).map_err(|_| BadTarget::Host)?;
    if host.name().is_none_or(resolves) { Ok(host) } else { Err(BadTarget::Host) }
}

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Asked {
    /// Whose.
    pub host: Host,
    /// TCP; never 0.
    pub port: u16,
}

impl Asked {
    /// Of a plain request in absolute-form (RFC 9112 §3.2.2).
    pub fn in_clear(uri: &Uri) -> Result<Self, BadTarget> {
        if uri.scheme() != Some(&http::uri::Scheme::HTTP) {
            return Err(BadTarget::Scheme);
        }
        Self::parse(uri.authority().ok_or(BadTarget::Host)?, Some(HTTP_PORT))
    }

    /// Of CONNECT, in authority-form (RFC 9112 §3.2.3): the port must be there.
    pub fn tunnel(uri: &Uri) -> Result<Self, BadTarget> {
        Self::parse(uri.authority().ok_or(BadTarget::Host)?, None)
    }

    /// An address and port as they were dialled.
    pub fn at(place: SocketAddr) -> Self {
        Self { host: Host::Address(place.ip().to_canonical()), port: place.port() }
    }

    fn parse(authority: &Authority, usual: Option<u16>) -> Result<Self, BadTarget> {
        let text = authority.as_str();
        if text.contains('@') {
            return Err(BadTarget::User);
        }
        let host = authority.host();
        let port = match text.strip_prefix(host).ok_or(BadTarget::Host)?.strip_prefix(':') {
            Some("") | None => usual.ok_or(BadTarget::Port)?,
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                digits.parse().ok().filter(|port| *port != 0).ok_or(BadTarget::Port)?
            }
            Some(_) => return Err(BadTarget::Port),
        };
        Ok(Self { host: host_of(host)?, port })
    }

    /// The address, when it was written out.
    pub fn address(&self) -> Option<SocketAddr> {
        match self.host {
            Host::Address(address) => Some(SocketAddr::new(address, self.port)),
            Host::Name(_) => None,
        }
    }

    /// As the field `Host` says it to an `http` origin: the usual port is left out.
    pub fn as_host_field(&self) -> String {
        if self.port == HTTP_PORT { self.host.to_string() } else { self.to_string() }
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clear(text: &str) -> Result<String, BadTarget> {
        let uri: Uri = text.parse().map_err(|_| BadTarget::Host)?;
        Asked::in_clear(&uri).map(|asked| asked.to_string())
    }

    fn tunnel(text: &str) -> Result<String, BadTarget> {
        let uri: Uri = text.parse().map_err(|_| BadTarget::Host)?;
        Asked::tunnel(&uri).map(|asked| asked.to_string())
    }

    #[test]
    fn one_place_has_one_spelling() {
        for (written, read) in [
            ("http://Example.ORG/x", "example.org:80"),
            ("http://example.org.:8080/", "example.org:8080"),
            ("http://example.org:/", "example.org:80"),
            ("http://127.0.0.1/", "127.0.0.1:80"),
            ("http://0x7f.1/", "127.0.0.1:80"),
            ("http://2130706433/", "127.0.0.1:80"),
            ("http://0177.0.0.01/", "127.0.0.1:80"),
            ("http://[::ffff:127.0.0.1]:81/", "127.0.0.1:81"),
            ("http://[0:0::1]/", "[::1]:80"),
            ("http://a_b.example/", "a_b.example:80"),
        ] {
            assert_eq!(clear(written).as_deref(), Ok(read), "{written}");
        }
        assert_eq!(tunnel("EXAMPLE.org.:443").as_deref(), Ok("example.org:443"));
        assert_eq!(tunnel("[::1]:443").as_deref(), Ok("[::1]:443"));
    }

    #[test]
    fn what_leads_nowhere_says_why() {
        for (written, why) in [
            ("https://example.org/", BadTarget::Scheme),
            ("ftp://example.org/", BadTarget::Scheme),
            ("http://me@example.org/", BadTarget::User),
            ("http://example.org:0/", BadTarget::Port),
            ("http://1.2.3.4.5/", BadTarget::Host),
            ("http://256.1.1.1/", BadTarget::Host),
            ("http://a..b/", BadTarget::Host),
            ("http://a'b.example/", BadTarget::Host),
        ] {
            assert_eq!(clear(written), Err(why), "{written}");
        }
        assert!(clear("http://example.org:99999/").is_err());
        assert!(clear("http://example.org:+80/").is_err());
        assert_eq!(tunnel("example.org"), Err(BadTarget::Port));
        assert_eq!(tunnel("me@example.org:443"), Err(BadTarget::User));
    }
}
