//! A response as the cache reads it, and the request it answered: its life is bounded and never
//! negative, its age grows with the clock, what may not be kept is not, and it answers the very
//! request that it answered.

#![no_main]

#[path = "../fields.rs"]
mod fields;

use fields::fields;
use http::{
    HeaderValue, StatusCode,
    header::{ACCEPT_LANGUAGE, CONNECTION, VARY},
};
use jiff::{SignedDuration, Timestamp};
use libfuzzer_sys::fuzz_target;
use preau::gateway::cache::foreign::{
    Head, MAX_MEMBERS, RequestDirectives, Selecting, Times, members,
};

const ASKED: Timestamp = Timestamp::constant(1_790_000_000, 0);
const DAY: i64 = 24 * 3600;
/// RFC 9111 §1.2.2.
const MAX_SECONDS: i64 = 1 << 31;

fuzz_target!(|data: &[u8]| {
    let Some((status, bytes)) = data.split_first() else { return };
    let status = StatusCode::from_u16(200 + u16::from(*status) * 2).expect("200 to 710");
    let (request, response) = halves(bytes);
    let (request, response) = (fields(request), fields(response));
    let answered = ASKED + SignedDuration::from_secs(1);
    let head = Head::new(status, response.clone(), Times { asked: ASKED, answered });

    let life = head.lifetime;
    assert!(life.seconds >= 0);
    assert!(life.explicit || life.seconds <= DAY);
    assert!(!status.is_client_error() || life.seconds <= 3600);
    assert!(!status.is_server_error() || life.seconds <= 60);
    for seconds in [head.directives.max_age, head.directives.s_maxage].into_iter().flatten() {
        assert!((0..=MAX_SECONDS).contains(&seconds));
    }
    let asked = RequestDirectives::of(&request);
    for seconds in [asked.max_age, asked.max_stale, asked.min_fresh].into_iter().flatten() {
        assert!((0..=MAX_SECONDS).contains(&seconds));
    }

    let later = answered + SignedDuration::from_secs(7);
    let (now, then) = (head.age(answered), head.age(later));
    assert_eq!(now.is_some(), then.is_some());
    assert!(now.is_none_or(|age| age >= 1) && then >= now);
    assert!(head.left(later) <= head.left(answered));

    assert!(!head.headers.contains_key(CONNECTION));
    assert!(head.directives.unkept.iter().all(|name| !head.headers.contains_key(name)));
    // What was read of it is read of what is kept of it.
    let again = Head::new(status, head.headers.clone(), head.times);
    assert_eq!((again.lifetime, &again.directives), (life, &head.directives));

    let names = members(&response, &VARY);
    let Some(selecting) = Selecting::of(&response, &request) else { return };
    assert!(names.len() <= MAX_MEMBERS && names.iter().all(|name| name != b"*"));
    assert!(selecting.matches(&request));
    assert_eq!(Selecting::kept(selecting.pairs().to_vec(), &response), selecting);
    for (name, value) in selecting.pairs() {
        let mut other = request.clone();
        other.insert(name, HeaderValue::from_static("a value of somebody else"));
        let same = value == b"=a value of somebody else" || *name == ACCEPT_LANGUAGE;
        assert!(same || !selecting.matches(&other), "{name}");
    }
});

/// Before and after the first empty line.
fn halves(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.windows(2).position(|pair| pair == b"\n\n").unwrap_or(bytes.len());
    bytes.split_at(end)
}
