use http::HeaderValue;

use super::*;
use crate::gateway::cache::head::Times;

const NOW: Timestamp = Timestamp::constant(1_700_000_000, 0);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(NOW.as_second() + seconds).unwrap()
}

fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, HeaderValue::from_static(value));
    }
    headers
}

fn head(status: u16, fields: &[(&'static str, &'static str)]) -> Head {
    let status = StatusCode::from_u16(status).unwrap();
    Head::new(status, headers(fields), Times { asked: NOW, answered: NOW })
}

fn control(value: &'static str) -> Head {
    head(200, &[("cache-control", value), ("etag", "\"a\"")])
}

fn stored(request: &[(&'static str, &'static str)], head: &Head) -> bool {
    let request = headers(request);
    may_store(&request, &RequestDirectives::of(&request), head)
}

fn asking(value: &'static str) -> RequestDirectives {
    RequestDirectives::of(&headers(&[("cache-control", value)]))
}

#[test]
fn what_is_for_one_person_or_for_nobody_is_not_stored() {
    for no in ["no-store, max-age=9", "private, max-age=9", "max-age=9, No-Store"] {
        assert!(!stored(&[], &control(no)), "{no}");
    }
    assert!(!stored(&[("cache-control", "no-store")], &control("max-age=9")));
    assert!(!stored(&[("authorization", "x")], &control("max-age=9")));
    for yes in ["max-age=9, public", "max-age=9, must-revalidate", "s-maxage=9"] {
        assert!(stored(&[("authorization", "x")], &control(yes)), "{yes}");
    }
    assert!(stored(&[("cookie", "a=b")], &control("max-age=9")));
}

#[test]
fn what_could_never_be_used_is_not_stored() {
    assert!(!stored(&[], &head(200, &[])));
    assert!(!stored(&[], &head(200, &[("cache-control", "max-age=0")])));
    assert!(!stored(&[], &head(200, &[("cache-control", "no-cache, max-age=9")])));
    assert!(stored(&[], &control("no-cache")));
    assert!(stored(&[], &head(404, &[])), "an absence, for a moment");
    assert!(!stored(&[], &head(500, &[])));
}

#[test]
fn must_understand_is_for_known_statuses_alone() {
    let fresh = |status| head(status, &[("cache-control", "max-age=9, must-understand, no-store")]);
    assert!(stored(&[], &fresh(200)));
    assert!(!stored(&[], &fresh(599)));
    assert!(stored(&[], &head(599, &[("cache-control", "max-age=9")])));
    for never in [206, 304, 412, 416] {
        assert!(!stored(&[], &head(never, &[("cache-control", "max-age=9")])), "{never}");
    }
}

#[test]
fn a_post_is_stored_for_a_get_only_when_it_says_so() {
    let answers = |method: Method, fields: &[(&'static str, &'static str)]| {
        answers_a_get(&method, &head(200, fields), |at| at == b"/x")
    };
    let good = [("cache-control", "max-age=9"), ("content-location", "/x")];
    assert!(answers(Method::POST, &good));
    assert!(!answers(Method::PUT, &good));
    assert!(!answers(Method::POST, &good[..1]));
    assert!(!answers(Method::POST, &[("cache-control", "max-age=9"), ("content-location", "/y")]));
    assert!(!answers(Method::POST, &good[1..]));
}

#[test]
fn fresh_is_used_and_stale_is_asked_about() {
    let plain = RequestDirectives::default();
    let used = |head: &Head, seconds| use_of(head, &plain, false, at(seconds));
    let ten = control("max-age=10");
    assert_eq!(used(&ten, 9), Use::Now);
    assert_eq!(used(&ten, 10), Use::AskFirst(Because::Stale));
    assert_eq!(used(&control("no-cache, max-age=10"), 0), Use::AskFirst(Because::Stale));
    assert_eq!(use_of(&ten, &plain, true, NOW), Use::AskFirst(Because::Stale));
    let patient = control("max-age=10, stale-while-revalidate=5");
    assert_eq!(used(&patient, 15), Use::AndAsk);
    assert_eq!(used(&patient, 16), Use::AskFirst(Because::Stale));
    let firm = control("max-age=10, stale-while-revalidate=5, must-revalidate");
    assert_eq!(used(&firm, 12), Use::AskFirst(Because::Stale));
    let old = head(200, &[("cache-control", "max-age=10"), ("age", "x")]);
    assert_eq!(used(&old, 0), Use::AskFirst(Because::Stale));
}

#[test]
fn a_client_may_ask_for_younger_or_take_older() {
    let ten = control("max-age=10");
    let used = |asked, seconds| use_of(&ten, &asking(asked), false, at(seconds));
    for younger in ["no-cache", "max-age=0", "max-age=3", "min-fresh=7", "max-age=x"] {
        assert_eq!(used(younger, 4), Use::AskFirst(Because::Request), "{younger}");
    }
    assert_eq!(used("max-age=4, min-fresh=6", 4), Use::Now);
    assert_eq!(used("max-stale", 1000), Use::Now);
    assert_eq!(used("max-stale=5", 15), Use::Now);
    assert_eq!(used("max-stale=5", 16), Use::AskFirst(Because::Stale));
    let firm = control("max-age=10, proxy-revalidate");
    assert_eq!(use_of(&firm, &asking("max-stale"), false, at(11)), Use::AskFirst(Because::Stale));
}

#[test]
fn a_reload_of_what_cannot_change_asks_nobody() {
    let fixed = control("max-age=10, immutable");
    assert_eq!(use_of(&fixed, &asking("max-age=0"), false, at(1)), Use::Now);
    assert_eq!(use_of(&fixed, &asking("no-cache"), false, at(1)), Use::AskFirst(Because::Request));
    assert_eq!(
        use_of(&fixed, &asking("max-age=0"), false, at(11)),
        Use::AskFirst(Because::Request)
    );
}

#[test]
fn stale_stands_in_for_trouble_only_where_nobody_forbids_it() {
    let plain = RequestDirectives::default();
    let stands =
        |head: &Head, trouble, seconds| stands_in(head, &plain, false, trouble, at(seconds));
    let ten = control("max-age=10");
    assert!(stands(&ten, Trouble::Unreached, 60));
    assert!(!stands(&ten, Trouble::Failed, 60));
    assert!(!stands(&ten, Trouble::Unreached, 11 + MAX_STALE_UNREACHED));
    assert!(stands(&control("max-age=10, stale-if-error=60"), Trouble::Failed, 70));
    assert!(!stands(&control("max-age=10, stale-if-error=60"), Trouble::Failed, 71));
    for never in ["must-revalidate", "proxy-revalidate", "no-cache", "s-maxage=10"] {
        let fields = [("cache-control", never), ("cache-control", "max-age=10, stale-if-error=60")];
        assert!(!stands(&head(200, &fields), Trouble::Unreached, 20), "{never}");
    }
    assert!(!stands_in(&ten, &asking("no-cache"), false, Trouble::Unreached, at(20)));
    assert!(!stands_in(&ten, &plain, true, Trouble::Unreached, at(20)));
}
