//! One request for a package or a part of it (RFC 9110 §14), and what its answer's head says.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, StatusCode,
    header::{CONTENT_ENCODING, CONTENT_RANGE, ETAG, IF_RANGE, RANGE, RETRY_AFTER},
};
use url::Url;

use super::FetchError;
use crate::{
    net::client::{Answer, Ask, Client, Limits},
    store::BlobId,
};

/// Time to an answer's head, for each redirect.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest `Retry-After` obeyed.
const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(24);
/// Redirects followed.
const MAX_REDIRECTS: u8 = 5;

/// Bounds of every exchange, from the configuration.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Largest package, in bytes.
    pub largest: u64,
    /// Bytes a second expected over `stall_after`.
    pub slowest: u64,
    /// See `slowest`.
    pub stall_after: Duration,
}

/// A package at its origin.
#[derive(Debug, Clone)]
pub(super) struct Remote {
    pub client: Client,
    pub url: Url,
    pub bounds: Bounds,
}

/// Bytes asked for, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Span {
    /// From here to the end.
    From(u64),
    /// First and last byte.
    Between(u64, u64),
    /// So many at the end.
    Last(u64),
}

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::From(first) => write!(f, "{first}-"),
            Self::Between(first, last) => write!(f, "{first}-{last}"),
            Self::Last(count) => write!(f, "-{count}"),
        }
    }
}

/// What a head says of the whole package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// Strong entity tag; a weak one is of no use for ranges (RFC 9110 §13.1.5).
    pub etag: Option<String>,
    /// Size of the whole, in bytes.
    pub length: Option<u64>,
    /// `Repr-Digest` (RFC 9530 §3).
    pub sha256: Option<BlobId>,
}

/// An answer by its kind.
#[derive(Debug)]
pub(super) enum Reply {
    /// 200: everything, from the first byte.
    Whole(Answer, Facts),
    /// 206: first and last byte.
    Part(Answer, (u64, u64), Facts),
    /// 416: the range is not there.
    Unsatisfiable,
}

impl Remote {
    /// Asks once. `if_range` is the strong entity tag of the bytes already here.
    pub async fn ask(
        &self,
        span: Option<Span>,
        if_range: Option<&str>,
    ) -> Result<Reply, FetchError> {
        let mut headers = HeaderMap::new();
        let value = span.and_then(|span| HeaderValue::try_from(format!("bytes={span}")).ok());
        if let Some(value) = value {
            headers.insert(RANGE, value);
            if let Some(tag) = if_range.and_then(|tag| HeaderValue::try_from(tag).ok()) {
                headers.insert(IF_RANGE, tag);
            }
        }
        let limits = Limits {
            head: HEAD_TIMEOUT,
            stall_after: self.bounds.stall_after,
            slowest: self.bounds.slowest,
            body: self.bounds.largest,
            redirects: MAX_REDIRECTS,
        };
        let (url, body) = (self.url.clone(), Bytes::new());
        let answer =
            self.client.send(Ask { method: Method::GET, url, headers, body, limits }).await?;
        self.sort(answer, span)
    }

    fn sort(&self, answer: Answer, span: Option<Span>) -> Result<Reply, FetchError> {
        let status = answer.status;
        if status == StatusCode::RANGE_NOT_SATISFIABLE && span.is_some() {
            return Ok(Reply::Unsatisfiable);
        }
        if status != StatusCode::OK && (status != StatusCode::PARTIAL_CONTENT || span.is_none()) {
            let retry_after = retry_after(&answer.headers, SystemTime::now());
            return Err(FetchError::Status { url: (&self.url).into(), status, retry_after });
        }
        // Looked at before a byte is read, so that an older prefix is not thrown away for it.
        if let Some(encoding) = coding(&answer.headers) {
            return Err(FetchError::Encoded { url: (&self.url).into(), encoding });
        }
        let etag = text(&answer.headers, &ETAG).filter(|tag| is_strong(tag)).map(str::to_owned);
        let sha256 = repr_digest(&answer.headers);
        if status == StatusCode::OK {
            let facts = Facts { etag, length: answer.announced(), sha256 };
            self.check_size(facts.length)?;
            return Ok(Reply::Whole(answer, facts));
        }
        let field = text(&answer.headers, &CONTENT_RANGE).unwrap_or("").to_owned();
        let part = content_range(&field).filter(|(first, last, _)| {
            answer.announced().is_none_or(|length| length == last - first + 1)
        });
        let Some((first, last, length)) = part else {
            let asked = span.map(|span| span.to_string()).unwrap_or_default();
            return Err(FetchError::WrongRange { url: (&self.url).into(), asked, got: field });
        };
        self.check_size(length)?;
        Ok(Reply::Part(answer, (first, last), Facts { etag, length, sha256 }))
    }

    /// Is a package of this size accepted?
    pub fn check_size(&self, size: Option<u64>) -> Result<(), FetchError> {
        let limit = self.bounds.largest;
        match size {
            Some(size) if size > limit => {
                Err(FetchError::TooLarge { url: (&self.url).into(), size, limit })
            }
            _ => Ok(()),
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &http::HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
}

/// RFC 9110 §10.2.3: seconds or a date. Bounded, so that no origin is given up for its word.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Duration {
    let field = text(headers, &RETRY_AFTER).unwrap_or("");
    let seconds = field.parse().ok().map(Duration::from_secs);
    let date = || httpdate::parse_http_date(field).ok()?.duration_since(now).ok();
    seconds.or_else(date).unwrap_or_default().min(LONGEST_RETRY_AFTER)
}

fn coding(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_ENCODING)?;
    let coding = String::from_utf8_lossy(value.as_bytes()).trim().to_ascii_lowercase();
    (!coding.is_empty() && coding != "identity").then_some(coding)
}

/// RFC 9110 §8.8.3.
fn is_strong(tag: &str) -> bool {
    tag.len() >= 2 && tag.starts_with('"') && tag.ends_with('"')
}

/// `bytes 0-4/10` or `bytes 0-4/*` (RFC 9110 §14.4), when it makes sense.
fn content_range(field: &str) -> Option<(u64, u64, Option<u64>)> {
    let (range, total) = field.strip_prefix("bytes ")?.trim().split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    let total = if total == "*" { None } else { Some(total.parse::<u64>().ok()?) };
    let sound = first <= last && last < u64::MAX && total.is_none_or(|total| last < total);
    sound.then_some((first, last, total))
}

/// The SHA-256 in `Repr-Digest` (RFC 9530 §3: a dictionary of byte sequences).
fn repr_digest(headers: &HeaderMap) -> Option<BlobId> {
    headers
        .get_all("repr-digest")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .find_map(|member| member.trim().strip_prefix("sha-256=:")?.split(':').next())
        .and_then(base64_of_32)
        .map(BlobId)
}

/// 32 bytes in base64 (RFC 4648 §4): 43 digits and a padding sign.
fn base64_of_32(text: &str) -> Option<[u8; 32]> {
    let digits = text.strip_suffix('=').filter(|digits| digits.len() == 43)?;
    let mut bytes = [0; 32];
    let (mut held, mut bits, mut out) = (0_u32, 0, bytes.iter_mut());
    for digit in digits.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        held = (held << 6 | u32::from(value)) & 0xFFFF;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            *out.next()? = u8::try_from(held >> bits & 0xFF).ok()?;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn content_ranges_are_read_or_refused() {
        assert_eq!(content_range("bytes 0-4/10"), Some((0, 4, Some(10))));
        assert_eq!(content_range("bytes 5-9/*"), Some((5, 9, None)));
        for wrong in
            ["", "bytes */10", "bytes 4-0/10", "bytes 0-10/10", "items 0-4/10", "bytes 0-4"]
        {
            assert_eq!(content_range(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_digest_is_found_among_others() {
        // RFC 9530, appendix B.1: the digest of {"hello": "world"} and a line feed.
        let mut headers = HeaderMap::new();
        let value = "sha-512=:AAAA:, sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:";
        headers.insert("repr-digest", HeaderValue::from_static(value));
        let expected = "44aff4ab2d7c3250525675a08f0cfa9591168cffe51791c5f5bbc417c15a6c38";
        assert_eq!(repr_digest(&headers).unwrap().to_string(), expected);
    }

    #[test]
    fn patience_is_asked_for_in_seconds_or_as_a_date_and_bounded() {
        let now = SystemTime::UNIX_EPOCH;
        let asked = |value| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(value))]);
            retry_after(&headers, now).as_secs()
        };
        assert_eq!(asked("120"), 120);
        assert_eq!(asked("Thu, 01 Jan 1970 00:01:00 GMT"), 60);
        assert_eq!(asked("99999999999"), 86_400);
        assert_eq!(asked("soon"), 0);
    }

    #[test]
    fn weak_tags_are_of_no_use() {
        assert!(is_strong("\"a\"") && !is_strong("W/\"a\"") && !is_strong("\"") && !is_strong("a"));
    }

    proptest! {
        #[test]
        fn no_field_makes_it_panic(text in "[ -~]{0,60}") {
            let _ = content_range(&text);
            let _ = content_range(&format!("bytes {text}"));
            let _ = base64_of_32(&text);
        }
    }
}
