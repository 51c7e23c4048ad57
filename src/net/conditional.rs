//! Validators and ranges (RFC 9110 §13 and §14): what part of a representation answers a request.

use std::ops::Range;

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode,
    header::{
        ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE,
        CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH, IF_RANGE, RANGE, VARY,
    },
};

use super::body::Body;

/// For addresses that name the bytes themselves: a year, never asked again.
pub const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// A whole representation, ready to be sent in part or not at all.
#[derive(Debug)]
pub struct Representation {
    /// Its bytes.
    pub body: Body,
    /// Media type.
    pub media_type: HeaderValue,
    /// Strong entity tag, with its quotes.
    pub etag: HeaderValue,
    /// `Cache-Control`.
    pub cache: HeaderValue,
    /// `Content-Encoding`, when the bytes are coded.
    pub encoding: Option<HeaderValue>,
    /// Does another `Accept-Encoding` get other bytes?
    pub varies: bool,
    /// May parts be asked for?
    pub ranges: bool,
    /// Other fields (security headers, file name).
    pub fields: &'static [(HeaderName, HeaderValue)],
}

/// What a request asks of a representation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// All of it.
    Whole,
    /// These bytes, half open, not empty.
    Part(Range<u64>),
    /// 304: the client has it.
    NotModified,
    /// 412.
    PreconditionFailed,
    /// 416: no byte of what was asked is there.
    Unsatisfiable,
}

/// Evaluates preconditions in the order of RFC 9110 §13.2.2, then the range. Representations of
/// the box have strong entity tags and no date.
pub fn asked(method: &Method, headers: &HeaderMap, etag: &[u8], ranged: Option<u64>) -> Asked {
    if let Some(field) = headers.get(IF_MATCH)
        && !lists(field, etag, false)
    {
        return Asked::PreconditionFailed;
    }
    if headers.get_all(IF_NONE_MATCH).iter().any(|field| lists(field, etag, true)) {
        let safe = matches!(*method, Method::GET | Method::HEAD);
        return if safe { Asked::NotModified } else { Asked::PreconditionFailed };
    }
    // A range is for GET alone (§14.2).
    match (ranged, headers.get(RANGE)) {
        (Some(length), Some(range)) if *method == Method::GET && if_range(headers, etag) => {
            self::range(range, length)
        }
        _ => Asked::Whole,
    }
}

/// `If-Range` (§13.1.5): only the very same strong tag continues; a date never does.
fn if_range(headers: &HeaderMap, etag: &[u8]) -> bool {
    headers.get(IF_RANGE).is_none_or(|field| field.as_bytes() == etag)
}

/// Does a list of entity tags name this one? Weak comparison ignores `W/` (§8.8.3.2).
fn lists(field: &HeaderValue, etag: &[u8], weak: bool) -> bool {
    let plain = |tag: &[u8]| tag.trim_ascii() == etag;
    field.as_bytes().trim_ascii() == b"*"
        || field.as_bytes().split(|b| *b == b',').any(|tag| {
            plain(tag) || weak && tag.trim_ascii().strip_prefix(b"W/").is_some_and(plain)
        })
}

/// One byte range (§14.1.2). Several ranges, other units and what cannot be read are ignored: the
/// whole is sent, as §14.2 allows.
fn range(field: &HeaderValue, length: u64) -> Asked {
    let single = || -> Option<(Option<u64>, Option<u64>)> {
        let (unit, set) = field.to_str().ok()?.split_once('=')?;
        let (first, last) = set.trim().split_once('-')?;
        let plain = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        let good = unit.trim().eq_ignore_ascii_case("bytes") && plain(first) && plain(last);
        good.then(|| (number(first), number(last)))
    };
    let range = match single() {
        None | Some((None, None)) => return Asked::Whole,
        Some((Some(first), Some(last))) if last < first => return Asked::Whole,
        Some((Some(first), last)) => first..last.map_or(length, |l| l.saturating_add(1)),
        Some((None, Some(suffix))) => length.saturating_sub(suffix)..length,
    };
    let range = range.start..range.end.min(length);
    if range.is_empty() { Asked::Unsatisfiable } else { Asked::Part(range) }
}

/// Digits, or nothing at all; a number past 2^64 is as far as the end.
fn number(digits: &str) -> Option<u64> {
    (!digits.is_empty()).then(|| digits.parse().unwrap_or(u64::MAX))
}

/// The answer to a GET or HEAD.
pub fn answer(method: &Method, headers: &HeaderMap, whole: Representation) -> Response<Body> {
    let length = whole.body.len();
    let ranged = if whole.ranges { length } else { None };
    let asked = asked(method, headers, whole.etag.as_bytes(), ranged);
    let mut response = Response::new(Body::Empty);
    let fields = response.headers_mut();
    fields.insert(ETAG, whole.etag);
    fields.insert(CACHE_CONTROL, whole.cache);
    if whole.varies {
        fields.insert(VARY, HeaderValue::from_static("accept-encoding"));
    }
    if asked == Asked::NotModified {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    if asked == Asked::PreconditionFailed {
        fields.insert(CONTENT_LENGTH, HeaderValue::from(0));
        *response.status_mut() = StatusCode::PRECONDITION_FAILED;
        return response;
    }
    if whole.ranges {
        fields.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    }
    if asked == Asked::Unsatisfiable {
        fields.insert(CONTENT_LENGTH, HeaderValue::from(0));
        fields.insert(CONTENT_RANGE, content_range(None, length.unwrap_or(0)));
        *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
        return response;
    }
    fields.insert(CONTENT_TYPE, whole.media_type);
    if let Some(encoding) = whole.encoding {
        fields.insert(CONTENT_ENCODING, encoding);
    }
    for (name, value) in whole.fields {
        fields.insert(name, value.clone());
    }
    let (body, sent) = match asked {
        Asked::Part(range) => {
            fields.insert(CONTENT_RANGE, content_range(Some(&range), length.unwrap_or(0)));
            let sent = range.end - range.start;
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            (whole.body.part(range), Some(sent))
        }
        _ => (whole.body, length),
    };
    if let Some(sent) = sent {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(sent));
    }
    if *method != Method::HEAD {
        *response.body_mut() = body;
    }
    response
}

fn content_range(range: Option<&Range<u64>>, length: u64) -> HeaderValue {
    let text = match range {
        Some(range) => format!("bytes {}-{}/{length}", range.start, range.end.saturating_sub(1)),
        None => format!("bytes */{length}"),
    };
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("bytes */*"))
}

/// Does the client take gzip (RFC 9110 §12.5.3)? A field that names it with `q=0` refuses it.
pub fn takes_gzip(headers: &HeaderMap) -> bool {
    let mut any = None;
    for coding in headers
        .get_all(http::header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|field| field.to_str().ok())
        .flat_map(|field| field.split(','))
    {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim().strip_prefix("q=").map_or(Ok(1.0), str::parse::<f32>);
        let taken = weight.is_ok_and(|q| q > 0.0);
        match name.trim() {
            name if name.eq_ignore_ascii_case("gzip") || name == "x-gzip" => return taken,
            "*" => any = Some(taken),
            _ => {}
        }
    }
    any.unwrap_or(false)
}

#[cfg(test)]
mod tests;
