//! Preconditions of a client, asked of a stored response (RFC 9111 §4.3.2), and those the cache
//! asks of the origin (§4.3.1). Pure.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        ETAG, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE,
        LAST_MODIFIED, RANGE,
    },
};

use super::{
    fields::{self, Dated},
    head::{Head, is_weak},
};

/// Those of which a cache is no judge: they are the origin's (§4.3.2).
pub fn for_the_origin(headers: &HeaderMap) -> bool {
    headers.contains_key(IF_MATCH) || headers.contains_key(IF_UNMODIFIED_SINCE)
}

/// Has the client, by its own conditions, what is stored? `If-None-Match` comes first (RFC 9110
/// §13.2.2).
pub fn has_it(headers: &HeaderMap, stored: &Head) -> bool {
    if !stored.status.is_success() {
        return false;
    }
    let tags = fields::members(headers, &IF_NONE_MATCH);
    if !tags.is_empty() {
        return tags.iter().any(|tag| {
            *tag == b"*" || stored.headers.get(ETAG).is_some_and(|own| weakly_equal(own, tag))
        });
    }
    let Dated::At(since) = fields::date(headers, &IF_MODIFIED_SINCE) else { return false };
    let changed = fields::date(&stored.headers, &LAST_MODIFIED).at();
    // Without a date of change, when it was made will do (RFC 9111 §4.3.2).
    changed.unwrap_or_else(|| stored.date()) <= since
}

/// RFC 9110 §8.8.3.2.
fn weakly_equal(own: &HeaderValue, tag: &[u8]) -> bool {
    let opaque = |tag: &[u8]| tag.strip_prefix(b"W/").unwrap_or(tag).to_vec();
    opaque(own.as_bytes()) == opaque(tag)
}

/// Do ranges hold (RFC 9110 §13.1.5)? The same strong tag, or the very same date; nothing weak.
pub fn range_holds(headers: &HeaderMap, stored: &Head) -> bool {
    let Some(asked) = headers.get(IF_RANGE) else { return true };
    if asked.as_bytes().starts_with(b"\"") || is_weak(asked) {
        return !is_weak(asked) && stored.headers.get(ETAG) == Some(asked);
    }
    stored.headers.get(LAST_MODIFIED) == Some(asked)
}

/// Takes away what a client asked about, so that the answer is good for all.
pub fn strip(headers: &mut HeaderMap) {
    for name in [IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_RANGE, RANGE] {
        headers.remove(name);
    }
}

/// Asks the origin whether what is stored is still so. `false` where there is nothing to ask by.
pub fn ask_about(headers: &mut HeaderMap, stored: &Head) -> bool {
    let validators = stored.validators();
    let mut put = |name: HeaderName, value: Option<HeaderValue>| {
        value.map(|value| headers.insert(name, value)).is_some()
    };
    let by_tag = put(IF_NONE_MATCH, validators.etag);
    put(IF_MODIFIED_SINCE, validators.modified) || by_tag
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use jiff::Timestamp;

    use super::*;
    use crate::gateway::cache::head::Times;

    const EARLY: &str = "Wed, 01 Jan 2020 00:00:00 GMT";
    const LATE: &str = "Thu, 02 Jan 2020 00:00:00 GMT";

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn stored(fields: &[(&'static str, &'static str)]) -> Head {
        let now = Timestamp::constant(1_700_000_000, 0);
        Head::new(StatusCode::OK, headers(fields), Times { asked: now, answered: now })
    }

    #[test]
    fn tags_are_compared_weakly_and_before_dates() {
        let own = stored(&[("etag", "\"a\""), ("last-modified", LATE)]);
        for has in ["\"a\"", "W/\"a\"", "\"x\", \"a\"", "*"] {
            let asked = HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static(has))]);
            assert!(has_it(&asked, &own), "{has}");
        }
        assert!(!has_it(
            &headers(&[("if-none-match", "\"b\""), ("if-modified-since", LATE)]),
            &own
        ));
        assert!(has_it(
            &headers(&[("if-none-match", "\"a\""), ("if-modified-since", EARLY)]),
            &own
        ));
    }

    #[test]
    fn dates_count_alone_and_only_when_they_can_be_read() {
        let own = stored(&[("last-modified", EARLY)]);
        assert!(has_it(&headers(&[("if-modified-since", LATE)]), &own));
        assert!(has_it(&headers(&[("if-modified-since", EARLY)]), &own));
        assert!(!has_it(&headers(&[("if-modified-since", "yesterday")]), &own));
        assert!(!has_it(&headers(&[("if-modified-since", EARLY)]), &stored(&[("date", LATE)])));
    }

    #[test]
    fn only_the_same_strong_validator_continues_a_range() {
        let own = stored(&[("etag", "\"a\""), ("last-modified", EARLY)]);
        let holds = |value: &'static str| range_holds(&headers(&[("if-range", value)]), &own);
        assert!(holds("\"a\"") && holds(EARLY));
        assert!(!holds("\"b\"") && !holds(LATE) && !holds("W/\"a\""));
        assert!(!range_holds(
            &headers(&[("if-range", "W/\"a\"")]),
            &stored(&[("etag", "W/\"a\"")])
        ));
    }
}
