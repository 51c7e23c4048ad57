//! What a request wants: the one thing that is judged.

use super::host::{BadHost, Host};

/// The port of plain HTTP.
pub const HTTP_PORT: u16 = 80;
/// The port of HTTPS.
pub const HTTPS_PORT: u16 = 443;

/// Whom and, where it can be seen, what a request is for.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// Whom.
    pub host: &'a Host,
    /// TCP port.
    pub port: u16,
    /// Path and query, only where the URL is visible (plain HTTP).
    pub path: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// A host whose URL nobody sees, as in DNS, CONNECT and TLS.
    pub fn of_host(host: &'a Host, port: u16) -> Self {
        Self { host, port, path: None }
    }
}

/// A target that somebody typed: `http://example.org/page`, `example.org:8080/page`,
/// `https://example.org`, or a bare host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typed {
    /// Whom.
    pub host: Host,
    /// The port written, else that of the scheme, else 80.
    pub port: u16,
    /// Path and query, when one was typed and the scheme is not one that hides it.
    pub path: Option<String>,
}

impl Typed {
    /// Reads it as a browser's address bar would.
    ///
    /// # Errors
    /// The host is none, or the port is no number of 16 bits.
    pub fn parse(text: &str) -> Result<Self, BadHost> {
        let text = text.trim();
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let hidden = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("wss");
        let usual = if hidden { HTTPS_PORT } else { HTTP_PORT };
        let (host, port) = split_authority(authority)?;
        let path = path.split('#').next().unwrap_or_default();
        let seen = !hidden && (!scheme.is_empty() || !path.is_empty());
        Ok(Self { host, port: port.unwrap_or(usual), path: seen.then(|| path.to_owned()) })
    }

    /// As the lists and the policy take it.
    pub fn target(&self) -> Target<'_> {
        Target { host: &self.host, port: self.port, path: self.path.as_deref() }
    }
}

/// The host and the port of `[userinfo "@"] host [":" port]` (RFC 3986 §3.2).
///
/// # Errors
/// The host is none, or the port is no number of 16 bits.
pub fn split_authority(authority: &str) -> Result<(Host, Option<u16>), BadHost> {
    let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
    // The last colon of `[::1]` is no port's.
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (place, ""),
    };
    let port = match port {
        "" => None,
        port if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(port.parse().map_err(|_| BadHost::BadCharacter)?)
        }
        // `::1`, an address without its brackets.
        _ => return Host::parse(place).map(|host| (host, None)),
    };
    match Host::parse(host) {
        Err(_) if place.matches(':').count() > 1 => Host::parse(place).map(|host| (host, None)),
        host => host.map(|host| (host, port)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> String {
        match Typed::parse(text) {
            Ok(typed) => {
                format!("{} {} {}", typed.host, typed.port, typed.path.as_deref().unwrap_or("-"))
            }
            Err(bad) => format!("{bad:?}"),
        }
    }

    #[test]
    fn what_is_typed_is_read_as_a_browser_reads_it() {
        for (text, read) in [
            ("example.org", "example.org 80 -"),
            ("HTTP://Example.org", "example.org 80 "),
            ("http://example.org/a?b#c", "example.org 80 /a?b"),
            ("http://u:p@example.org:8080/a", "example.org 8080 /a"),
            ("http://u@v@example.org/", "example.org 80 /"),
            ("https://example.org/a", "example.org 443 -"),
            ("example.org:443", "example.org 443 -"),
            ("http://example.org?b", "example.org 80 ?b"),
            ("http://example.org\\@other.example/", "example.org 80 \\@other.example/"),
            ("http://[::1]:81/", "[::1] 81 /"),
            ("[::ffff:1.2.3.4]", "1.2.3.4 80 -"),
            ("2001:db8::1", "[2001:db8::1] 80 -"),
            ("http://example.org:/", "example.org 80 /"),
            ("http://example.org:99999/", "BadCharacter"),
            ("http:///path", "Empty"),
        ] {
            assert_eq!(typed(text), read, "{text}");
        }
    }
}
