//! What may go wrong in an exchange, said with the address (its query and user left out).

use std::{fmt, net::IpAddr, time::Duration};

use url::Url;

use crate::net::client::connect::RefusedAddress;

/// Longest path kept in a message, in bytes: the rest of a hostile `Location` is noise.
const MAX_SHOWN_PATH_BYTES: usize = 200;

/// An address as messages and logs may show it: no user, no query, no fragment, bounded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown(String);

impl From<&Url> for Shown {
    fn from(url: &Url) -> Self {
        let mut text = format!("{}://{}", url.scheme(), url.host_str().unwrap_or(""));
        if let Some(port) = url.port() {
            text.push_str(&format!(":{port}"));
        }
        let path = url.path();
        // A URL's path is ASCII (percent-encoded), so any cut is a character boundary.
        match path.get(..MAX_SHOWN_PATH_BYTES) {
            Some(start) if path.len() > MAX_SHOWN_PATH_BYTES => {
                text.push_str(start);
                text.push('…');
            }
            _ => text.push_str(path),
        }
        Self(text)
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What went wrong, with the address (its query left out).
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// A certificate, key or token given to the client is of no use.
    #[error("{what}: {reason}")]
    Options {
        /// The file or option.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An address that is never asked, whatever the network.
    #[error("{url}: {reason}")]
    Unusable {
        /// The address.
        url: Shown,
        /// Why.
        reason: &'static str,
    },
    /// The name leads to an address outside the public Internet.
    #[error(
        "{url}: leads to {address}, which is not on the public Internet; \
         if it is meant, name its network in network.allow_private"
    )]
    Refused {
        /// The address asked.
        url: Shown,
        /// What it resolves to.
        address: IpAddr,
    },
    /// No connection, or no TLS session.
    #[error("{url}: cannot connect: {reason}")]
    Connect {
        /// The address.
        url: Shown,
        /// The causes, outermost first.
        reason: String,
    },
    /// Connected or not, no head came in time.
    #[error("{url}: no answer within {after:?}")]
    HeadTimeout {
        /// The address.
        url: Shown,
        /// The limit.
        after: Duration,
    },
    /// The connection broke, or what came is not HTTP.
    #[error("{url}: the exchange failed after {got} bytes of body: {reason}")]
    Exchange {
        /// The address.
        url: Shown,
        /// Bytes of body that came.
        got: u64,
        /// The causes, outermost first.
        reason: String,
    },
    /// More hops than the limit.
    #[error("{url}: more than {limit} redirects")]
    TooManyRedirects {
        /// The last address.
        url: Shown,
        /// The limit.
        limit: u8,
    },
    /// A redirect that is not followed.
    #[error("{url}: redirects to {to}: {reason}")]
    Redirect {
        /// The address that redirects.
        url: Shown,
        /// Where to; the raw field when it is no address.
        to: String,
        /// Why it is not followed.
        reason: &'static str,
    },
    /// Fewer bytes than announced.
    #[error("{url}: {got} bytes came, {expected} were announced")]
    Truncated {
        /// The address.
        url: Shown,
        /// Bytes that came.
        got: u64,
        /// `Content-Length`.
        expected: u64,
    },
    /// More bytes than accepted.
    #[error("{url}: the body is larger than {limit} bytes{}", announced.map(|n| format!(" ({n} announced)")).unwrap_or_default())]
    TooLarge {
        /// The address.
        url: Shown,
        /// The limit.
        limit: u64,
        /// `Content-Length`, when that is what passed the limit.
        announced: Option<u64>,
    },
    /// Too few bytes over a span.
    #[error(
        "{url}: too slow: {brought} bytes in {over:?}, {slowest} a second expected; {got} in all"
    )]
    TooSlow {
        /// The address.
        url: Shown,
        /// Bytes of body so far.
        got: u64,
        /// Bytes within the span.
        brought: u64,
        /// The span.
        over: Duration,
        /// Bytes a second expected.
        slowest: u64,
    },
    /// A content coding nobody asked for, or that is not known.
    #[error("{url}: the body came as {encoding}, which was not asked")]
    Encoding {
        /// The address.
        url: Shown,
        /// `Content-Encoding`.
        encoding: String,
    },
    /// The gzip stream is damaged.
    #[error("{url}: the gzip body of {got} bytes is damaged: {reason}")]
    Inflate {
        /// The address.
        url: Shown,
        /// Bytes that came.
        got: u64,
        /// The inflater's words.
        reason: String,
    },
}

impl ClientError {
    /// Sorts a failure of the pooled client: refused address, no connection, or broken exchange.
    pub(super) fn of_request(url: &Url, error: &hyper_util::client::legacy::Error) -> Self {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
        while let Some(inner) = cause {
            if let Some(refused) = inner.downcast_ref::<RefusedAddress>() {
                return Self::Refused { url: url.into(), address: refused.0 };
            }
            cause = inner.source();
        }
        let reason = causes(error);
        if error.is_connect() {
            Self::Connect { url: url.into(), reason }
        } else {
            Self::Exchange { url: url.into(), got: 0, reason }
        }
    }
}

/// An error and what caused it, on one line.
pub(super) fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let said = inner.to_string();
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_secrets() {
        let url: Url = "https://me:secret@host.example:8443/a/b?token=1#x".parse().unwrap();
        assert_eq!(Shown::from(&url).to_string(), "https://host.example:8443/a/b");
    }

    #[test]
    fn a_long_path_is_cut() {
        let url: Url = format!("http://h/{}", "é".repeat(5000)).parse().unwrap();
        assert!(Shown::from(&url).to_string().len() < 300);
    }
}
