//! What a client is told of the cache: `Cache-Status` (RFC 9211) and `Age` (RFC 9111 §5.1). No
//! `Warning`: it is obsolete (§5.5).

use http::{HeaderMap, HeaderName, HeaderValue, header::AGE};

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// Why a request went on to the origin (RFC 9211 §2.2), or that it did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Answered with what is stored.
    Hit,
    /// The cache was not asked.
    Bypass,
    /// The method does not allow a stored answer.
    Method,
    /// Nothing is stored for the address.
    UriMiss,
    /// What is stored answers other requests.
    VaryMiss,
    /// Stored and fresh; the request wanted it asked about.
    Request,
    /// Stored and stale.
    Stale,
    /// Stored in part.
    Partial,
}

/// What happened to one request.
#[derive(Debug, Clone, Copy)]
pub struct Said {
    /// Where the answer came from.
    pub way: Way,
    /// What the origin answered, where that is not what the client gets.
    pub origin_status: Option<u16>,
    /// Was the answer stored?
    pub stored: bool,
    /// Did it wait for the answer to another client's request?
    pub collapsed: bool,
    /// Seconds for which it is fresh still.
    pub left: Option<i64>,
}

impl Said {
    /// Nothing but the way.
    pub fn of(way: Way) -> Self {
        Self { way, origin_status: None, stored: false, collapsed: false, left: None }
    }

    /// Adds a member to `Cache-Status`.
    pub fn tell(&self, headers: &mut HeaderMap) {
        let way = match self.way {
            Way::Hit => "hit",
            Way::Bypass => "fwd=bypass",
            Way::Method => "fwd=method",
            Way::UriMiss => "fwd=uri-miss",
            Way::VaryMiss => "fwd=vary-miss",
            Way::Request => "fwd=request",
            Way::Stale => "fwd=stale",
            Way::Partial => "fwd=partial",
        };
        let mut text = format!("preau; {way}");
        if let Some(status) = self.origin_status {
            text.push_str(&format!("; fwd-status={status}"));
        }
        if self.stored {
            text.push_str("; stored");
        }
        if self.collapsed {
            text.push_str("; collapsed");
        }
        if let Some(left) = self.left {
            text.push_str(&format!("; ttl={left}"));
        }
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.append(CACHE_STATUS, value);
        }
    }
}

/// Says how old the answer is, in seconds.
pub fn tell_age(headers: &mut HeaderMap, age: Option<i64>) {
    // What is older than can be told is as old as can be (RFC 9111 §1.2.2).
    let told = age.unwrap_or(i64::from(i32::MAX)).clamp(0, i64::from(i32::MAX));
    headers.insert(AGE, HeaderValue::from(told));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_other_caches_said_stays_before_ours() {
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_STATUS, HeaderValue::from_static("cdn; hit"));
        let said = Said { left: Some(-3), collapsed: true, ..Said::of(Way::Hit) };
        said.tell(&mut headers);
        let told: Vec<_> = headers.get_all(CACHE_STATUS).iter().collect();
        assert_eq!(told, ["cdn; hit", "preau; hit; collapsed; ttl=-3"]);
        let said = Said { stored: true, origin_status: Some(200), ..Said::of(Way::UriMiss) };
        said.tell(&mut headers);
        let last = headers.get_all(CACHE_STATUS).iter().next_back().unwrap();
        assert_eq!(last, "preau; fwd=uri-miss; fwd-status=200; stored");
    }

    #[test]
    fn an_age_that_cannot_be_told_is_as_old_as_can_be() {
        let mut headers = HeaderMap::new();
        tell_age(&mut headers, None);
        assert_eq!(headers[AGE], "2147483647");
        tell_age(&mut headers, Some(-5));
        assert_eq!(headers[AGE], "0");
    }
}
