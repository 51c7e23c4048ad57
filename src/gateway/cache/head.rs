//! The head of a stored response, and what follows from it: worked out once, asked often.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_RANGE, DATE, ETAG, LAST_MODIFIED},
};
use jiff::Timestamp;

use super::{
    directives::ResponseDirectives,
    fields,
    freshness::{self, Lifetime},
};

/// When a response was asked for and when its head came (RFC 9111 §4.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// `request_time`.
    pub asked: Timestamp,
    /// `response_time`.
    pub answered: Timestamp,
}

/// A response's head, as it is stored.
#[derive(Debug, Clone)]
pub struct Head {
    /// Status code; of partial content, 200.
    pub status: StatusCode,
    /// Fields, without those of the connection.
    pub headers: HeaderMap,
    /// When it came.
    pub times: Times,
    /// `Cache-Control`.
    pub directives: ResponseDirectives,
    /// How long it is fresh.
    pub lifetime: Lifetime,
    /// Its age in seconds when it came; `None` is older than anything.
    initial_age: Option<i64>,
}

/// What tells one version of a representation from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validators {
    /// `ETag`, weak or strong.
    pub etag: Option<HeaderValue>,
    /// `Last-Modified`, as it was written.
    pub modified: Option<HeaderValue>,
}

impl Head {
    /// Reads a response's head; takes away what may not be kept.
    pub fn new(status: StatusCode, mut headers: HeaderMap, times: Times) -> Self {
        fields::strip_connection(&mut headers);
        let directives = ResponseDirectives::of(&headers);
        for name in &directives.unkept {
            headers.remove(name);
        }
        let headers = of_its_own(headers);
        let lifetime = freshness::lifetime(status, &headers, &directives, times.answered);
        let initial_age = freshness::initial_age(&headers, times);
        Self { status, headers, times, directives, lifetime, initial_age }
    }

    /// The head of the whole that partial content is a part of.
    pub fn of_whole(part: &HeaderMap, total: u64, times: Times) -> Self {
        let mut headers = part.clone();
        headers.remove(CONTENT_RANGE);
        headers.insert(CONTENT_LENGTH, HeaderValue::from(total));
        Self::new(StatusCode::OK, headers, times)
    }

    /// Age in seconds (RFC 9111 §4.2.3); `None` is older than anything.
    pub fn age(&self, now: Timestamp) -> Option<i64> {
        let resident = now.duration_since(self.times.answered).as_secs().max(0);
        Some(self.initial_age?.saturating_add(resident))
    }

    /// Seconds for which it is fresh still; negative once it is stale.
    pub fn left(&self, now: Timestamp) -> i64 {
        self.age(now).map_or(i64::MIN, |age| self.lifetime.seconds.saturating_sub(age))
    }

    /// Its validators.
    pub fn validators(&self) -> Validators {
        Validators::of(&self.headers)
    }

    /// The bytes its body has, as it says.
    pub fn length(&self) -> Option<u64> {
        content_length(&self.headers)
    }

    /// The date it was made, as far as one can tell.
    pub fn date(&self) -> Timestamp {
        fields::date(&self.headers, &DATE).at().unwrap_or(self.times.answered)
    }

    /// A validator that names these very bytes: a strong tag, or a date that had passed when the
    /// response was made (RFC 9110 §8.8.2.2).
    pub fn strong_validator(&self) -> Option<HeaderValue> {
        if let Some(etag) = self.headers.get(ETAG) {
            return (!is_weak(etag)).then(|| etag.clone());
        }
        let modified = fields::date(&self.headers, &LAST_MODIFIED).at()?;
        let made = fields::date(&self.headers, &DATE).at()?;
        (modified < made).then(|| self.headers.get(LAST_MODIFIED).cloned()).flatten()
    }
}

/// The fields in memory of their own. Those that just came are parts of the buffer in which their
/// connection read them, 8 KiB or more, which one kept value would keep.
fn of_its_own(mut headers: HeaderMap) -> HeaderMap {
    let mut text = Vec::with_capacity(headers.values().map(HeaderValue::len).sum());
    headers.values().for_each(|value| text.extend_from_slice(value.as_bytes()));
    let mut text = Bytes::from(text);
    for value in headers.values_mut() {
        let own = text.split_to(value.len());
        // The bytes of a value make a value.
        *value = HeaderValue::from_maybe_shared(own).unwrap_or_else(|_| value.clone());
    }
    headers
}

impl Validators {
    /// Of a response's header; a repeated field is none.
    pub fn of(headers: &HeaderMap) -> Self {
        let once = |name: &http::HeaderName| {
            let mut values = headers.get_all(name).iter();
            values.next().filter(|_| values.next().is_none()).cloned()
        };
        Self { etag: once(&ETAG), modified: once(&LAST_MODIFIED) }
    }

    /// Is there any?
    pub fn any(&self) -> bool {
        self.etag.is_some() || self.modified.is_some()
    }

    /// May both be of the same version? What both say must agree, and something must be said.
    pub fn agree(&self, other: &Self) -> bool {
        let same = |a: &Option<HeaderValue>, b: &Option<HeaderValue>| match (a, b) {
            (Some(a), Some(b)) => Some(a == b),
            _ => None,
        };
        let (etag, modified) =
            (same(&self.etag, &other.etag), same(&self.modified, &other.modified));
        etag.or(modified) == Some(true) && modified != Some(false)
    }
}

/// Does the tag start with `W/`?
pub fn is_weak(etag: &HeaderValue) -> bool {
    etag.as_bytes().starts_with(b"W/")
}

/// `Content-Length`, when it stands once, in digits.
pub fn content_length(headers: &HeaderMap) -> Option<u64> {
    let mut values = headers.get_all(CONTENT_LENGTH).iter();
    let value = values.next().filter(|_| values.next().is_none())?.as_bytes();
    if !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_that_is_kept_holds_no_buffer_it_came_in() {
        let came = Bytes::from(vec![b'a'; 10_000]);
        let mut headers = HeaderMap::new();
        for (name, range) in [("etag", 5..9), ("x", 20..24), ("x", 30..31)] {
            let value = HeaderValue::from_maybe_shared(came.slice(range)).unwrap();
            headers.append(name, value);
        }
        let before = headers.clone();
        let now = Timestamp::UNIX_EPOCH;
        let head = Head::new(StatusCode::OK, headers, Times { asked: now, answered: now });
        assert_eq!(head.headers, before);
        drop(before);
        assert!(came.is_unique());
    }
}
