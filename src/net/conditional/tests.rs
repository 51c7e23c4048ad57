use bytes::Bytes;
use proptest::prelude::*;

use super::*;

const TAG: &[u8] = b"\"abc\"";

fn with(fields: &[(HeaderName, &str)]) -> HeaderMap {
    fields.iter().map(|(n, v)| (n.clone(), HeaderValue::from_str(v).unwrap())).collect()
}

fn asks(fields: &[(HeaderName, &str)]) -> Asked {
    asked(&Method::GET, &with(fields), TAG, Some(100))
}

#[test]
fn ranges_are_read_as_rfc_9110_writes_them() {
    let range = |text| asks(&[(RANGE, text)]);
    assert_eq!(range("bytes=0-0"), Asked::Part(0..1));
    assert_eq!(range("bytes=10-19"), Asked::Part(10..20));
    assert_eq!(range("Bytes = 90-"), Asked::Part(90..100));
    assert_eq!(range("bytes=-10"), Asked::Part(90..100));
    assert_eq!(range("bytes=-1000"), Asked::Part(0..100));
    assert_eq!(range("bytes=50-99999999999999999999999"), Asked::Part(50..100));
    assert_eq!(range("bytes=100-"), Asked::Unsatisfiable);
    assert_eq!(range("bytes=-0"), Asked::Unsatisfiable);
    for ignored in ["bytes=", "bytes=-", "bytes=9-3", "bytes=1-2,5-6", "lines=1-2", "bytes=+1-2"] {
        assert_eq!(range(ignored), Asked::Whole, "{ignored}");
    }
}

#[test]
fn a_part_is_given_only_of_the_representation_it_was_begun_on() {
    let part = Asked::Part(0..10);
    assert_eq!(asks(&[(RANGE, "bytes=0-9"), (IF_RANGE, "\"abc\"")]), part);
    assert_eq!(asks(&[(RANGE, "bytes=0-9"), (IF_RANGE, "\"abd\"")]), Asked::Whole);
    assert_eq!(asks(&[(RANGE, "bytes=0-9"), (IF_RANGE, "W/\"abc\"")]), Asked::Whole);
    let date = "Tue, 24 Nov 2026 10:00:00 GMT";
    assert_eq!(asks(&[(RANGE, "bytes=0-9"), (IF_RANGE, date)]), Asked::Whole);
    let headers = with(&[(RANGE, "bytes=0-9")]);
    assert_eq!(asked(&Method::HEAD, &headers, TAG, Some(100)), Asked::Whole);
    assert_eq!(asked(&Method::GET, &headers, TAG, None), Asked::Whole);
}

#[test]
fn preconditions_come_before_ranges() {
    assert_eq!(asks(&[(IF_NONE_MATCH, "\"abc\""), (RANGE, "bytes=0-9")]), Asked::NotModified);
    assert_eq!(asks(&[(IF_NONE_MATCH, "\"x\", W/\"abc\"")]), Asked::NotModified);
    assert_eq!(asks(&[(IF_NONE_MATCH, "*")]), Asked::NotModified);
    assert_eq!(asks(&[(IF_NONE_MATCH, "\"x\"")]), Asked::Whole);
    assert_eq!(asks(&[(IF_MATCH, "\"x\"")]), Asked::PreconditionFailed);
    assert_eq!(asks(&[(IF_MATCH, "W/\"abc\"")]), Asked::PreconditionFailed);
    assert_eq!(asks(&[(IF_MATCH, "\"x\", \"abc\"")]), Asked::Whole);
}

#[test]
fn gzip_is_sent_to_those_who_take_it() {
    let takes = |text| takes_gzip(&with(&[(http::header::ACCEPT_ENCODING, text)]));
    assert!(takes("gzip, deflate, br"));
    assert!(takes("br;q=1, GZIP;q=0.1"));
    assert!(takes("*"));
    assert!(!takes("gzip;q=0, *"));
    assert!(!takes("identity"));
    assert!(!takes("*;q=0"));
    assert!(!takes_gzip(&HeaderMap::new()));
}

fn representation() -> Representation {
    Representation {
        body: Body::Bytes(Bytes::from(vec![7; 100])),
        media_type: HeaderValue::from_static("text/plain"),
        etag: HeaderValue::from_static("\"abc\""),
        cache: IMMUTABLE,
        encoding: None,
        varies: false,
        ranges: true,
        fields: &[],
    }
}

#[test]
fn an_unsatisfiable_range_is_told_how_long_the_whole_is() {
    let headers = with(&[(RANGE, "bytes=500-")]);
    let response = answer(&Method::GET, &headers, representation());
    assert_eq!(response.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(response.headers()[CONTENT_RANGE], "bytes */100");
    assert!(response.body().is_empty());
}

#[test]
fn head_says_what_get_would_send() {
    let response = answer(&Method::HEAD, &HeaderMap::new(), representation());
    assert_eq!(response.headers()[CONTENT_LENGTH], "100");
    assert!(response.body().is_empty());
}

proptest! {
    #[test]
    fn whatever_is_asked_lengths_and_ranges_agree(text in "(bytes=)?[0-9, -]{0,12}") {
        let headers = with(&[(RANGE, &text)]);
        let response = answer(&Method::GET, &headers, representation());
        let sent = response.body().len().unwrap();
        prop_assert_eq!(&response.headers()[CONTENT_LENGTH], &HeaderValue::from(sent));
        match response.status() {
            StatusCode::OK => prop_assert_eq!(sent, 100),
            StatusCode::PARTIAL_CONTENT => {
                let range = response.headers()[CONTENT_RANGE].to_str().unwrap();
                let (first, rest) = range["bytes ".len()..].split_once('-').unwrap();
                let last = rest.strip_suffix("/100").unwrap();
                let (first, last): (u64, u64) = (first.parse().unwrap(), last.parse().unwrap());
                prop_assert!(last < 100 && last - first + 1 == sent);
            }
            other => prop_assert_eq!(other, StatusCode::RANGE_NOT_SATISFIABLE),
        }
    }
}
