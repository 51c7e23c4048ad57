//! What a later answer changes of a stored head: a 304 (RFC 9111 §3.2, §4.3.4), or the answer to a
//! HEAD (§4.3.5). Pure.

use http::{
    HeaderMap, HeaderName, StatusCode,
    header::{AGE, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, DATE, ETAG},
};

use super::{
    fields,
    head::{Head, Times, Validators, content_length},
};

/// What says how the stored bytes are written, and which they are: only a new body changes that.
static OF_THE_BODY: [HeaderName; 6] = [
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    CONTENT_RANGE,
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("content-digest"),
    ETAG,
];

/// The stored head with what a 304 says. The tag asked about was the stored one: its answer is
/// about the stored body, whatever tag it bears.
pub fn by_not_modified(stored: &Head, answer: &HeaderMap, times: Times) -> Head {
    let mut headers = stored.headers.clone();
    merge(&mut headers, answer);
    Head::new(stored.status, headers, times)
}

/// The stored head with what a HEAD says; `None` where it tells that the body is another.
pub fn by_head(
    stored: &Head,
    status: StatusCode,
    answer: &HeaderMap,
    times: Times,
) -> Option<Head> {
    if status != stored.status {
        return None;
    }
    let (own, new) = (stored.validators(), Validators::of(answer));
    let other_length = match (stored.length(), content_length(answer)) {
        (Some(own), Some(new)) => own != new,
        _ => false,
    };
    let other_version = (new.etag.is_some() && new.etag != own.etag)
        || (new.modified.is_some() && new.modified != own.modified);
    (!other_length && !other_version).then(|| by_not_modified(stored, answer, times))
}

fn merge(headers: &mut HeaderMap, answer: &HeaderMap) {
    let mut answer = answer.clone();
    fields::strip_connection(&mut answer);
    for name in &OF_THE_BODY {
        answer.remove(name);
    }
    // An age told with the old head is not that of the new one, and so with its date.
    headers.remove(AGE);
    headers.remove(DATE);
    for name in answer.keys() {
        headers.remove(name);
    }
    for (name, value) in &answer {
        headers.append(name.clone(), value.clone());
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use jiff::Timestamp;

    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_700_000_000, 0);
    const TIMES: Times = Times { asked: NOW, answered: NOW };

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn stored() -> Head {
        let fields = headers(&[
            ("etag", "\"a\""),
            ("content-length", "5"),
            ("content-encoding", "gzip"),
            ("cache-control", "max-age=1"),
            ("age", "9"),
            ("x", "1"),
            ("y", "1"),
        ]);
        Head::new(StatusCode::OK, fields, TIMES)
    }

    #[test]
    fn a_304_changes_what_it_says_and_nothing_of_the_body() {
        let answer = headers(&[
            ("etag", "\"b\""),
            ("content-length", "0"),
            ("content-encoding", "br"),
            ("cache-control", "max-age=60"),
            ("x", "2"),
            ("x", "3"),
            ("connection", "z"),
            ("z", "1"),
        ]);
        let new = by_not_modified(&stored(), &answer, TIMES);
        let field = |name: &str| -> Vec<_> {
            new.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
        };
        assert_eq!(field("etag"), ["\"a\""]);
        assert_eq!(field("content-length"), ["5"]);
        assert_eq!(field("content-encoding"), ["gzip"]);
        assert_eq!((field("x"), field("y")), (vec!["2", "3"], vec!["1"]));
        assert!(field("age").is_empty() && field("z").is_empty());
        assert_eq!(new.left(NOW), 60);
    }

    #[test]
    fn a_head_that_tells_of_another_body_renews_nothing() {
        let by = |status, fields| by_head(&stored(), status, &headers(fields), TIMES);
        assert!(by(StatusCode::OK, &[("etag", "\"a\""), ("content-length", "5")]).is_some());
        assert!(by(StatusCode::OK, &[]).is_some());
        assert!(by(StatusCode::OK, &[("etag", "\"b\"")]).is_none());
        assert!(by(StatusCode::OK, &[("content-length", "6")]).is_none());
        assert!(
            by(StatusCode::OK, &[("last-modified", "Wed, 01 Jan 2020 00:00:00 GMT")]).is_none()
        );
        assert!(by(StatusCode::GONE, &[]).is_none());
    }
}
