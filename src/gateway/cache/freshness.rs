//! How old a response is, and how long it is fresh (RFC 9111 §4.2). Pure.

use http::{
    HeaderMap, StatusCode,
    header::{AGE, DATE, EXPIRES, LAST_MODIFIED, SET_COOKIE},
};
use jiff::Timestamp;

use super::{
    directives::ResponseDirectives,
    fields::{self, Dated},
    head::Times,
};

/// What is guessed of `Date` minus `Last-Modified` (§4.2.2).
const GUESSED_SHARE: i64 = 10;
/// Seconds that are guessed at most: a day.
const MAX_GUESSED: i64 = 24 * 3600;
/// Seconds for which an absence is remembered when nothing is said of it.
const ABSENCE: i64 = 30;
/// Seconds for which an absence is remembered at most: an hour.
const MAX_ABSENCE: i64 = 3600;
/// Seconds for which an origin's failure is remembered at most.
const MAX_FAILURE: i64 = 60;

/// How long a response is fresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    /// Seconds.
    pub seconds: i64,
    /// Did the origin say so?
    pub explicit: bool,
}

impl Lifetime {
    /// Said by the origin.
    fn said(seconds: i64) -> Self {
        Self { seconds, explicit: true }
    }

    /// Not said.
    fn guessed(seconds: i64) -> Self {
        Self { seconds, explicit: false }
    }
}

/// Freshness lifetime (§4.2.1), in the order a shared cache asks: `s-maxage`, `max-age`,
/// `Expires`, a guess. Refusals and failures are bounded whatever the origin says.
pub fn lifetime(
    status: StatusCode,
    headers: &HeaderMap,
    directives: &ResponseDirectives,
    answered: Timestamp,
) -> Lifetime {
    let life = said(headers, directives, answered)
        .map_or_else(|| guess(status, headers, directives, answered), Lifetime::said);
    Lifetime { seconds: life.seconds.min(most(status)), ..life }
}

/// What the origin says.
fn said(headers: &HeaderMap, directives: &ResponseDirectives, answered: Timestamp) -> Option<i64> {
    if let Some(seconds) = directives.s_maxage.or(directives.max_age) {
        return Some(seconds);
    }
    match fields::date(headers, &EXPIRES) {
        Dated::Absent => None,
        // "especially the value 0" is in the past (§5.3).
        Dated::Bad => Some(0),
        Dated::At(expires) => {
            let made = fields::date(headers, &DATE).at().unwrap_or(answered);
            Some(expires.duration_since(made).as_secs().max(0))
        }
    }
}

/// A guess (§4.2.2), where the status code allows one or `public` does (§5.2.2.9).
fn guess(
    status: StatusCode,
    headers: &HeaderMap,
    directives: &ResponseDirectives,
    answered: Timestamp,
) -> Lifetime {
    // A cookie that nobody said to share is somebody's.
    let allowed = directives.public
        || (is_heuristically_cacheable(status) && !headers.contains_key(SET_COOKIE));
    if !allowed {
        return Lifetime::guessed(0);
    }
    let made = fields::date(headers, &DATE).at().unwrap_or(answered);
    match fields::date(headers, &LAST_MODIFIED) {
        Dated::At(modified) => {
            let since = made.duration_since(modified).as_secs().max(0);
            Lifetime::guessed((since / GUESSED_SHARE).min(MAX_GUESSED))
        }
        Dated::Absent if is_absence(status) => Lifetime::guessed(ABSENCE),
        Dated::Absent | Dated::Bad => Lifetime::guessed(0),
    }
}

/// RFC 9110 §15.1; 206 is stored as the whole it is a part of.
fn is_heuristically_cacheable(status: StatusCode) -> bool {
    matches!(status.as_u16(), 200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501)
}

/// Nothing is there, and it would be asked for again and again.
fn is_absence(status: StatusCode) -> bool {
    matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE)
}

/// Seconds for which a response of this status may be fresh, at most.
fn most(status: StatusCode) -> i64 {
    match status.as_u16() {
        400..=499 => MAX_ABSENCE,
        500..=599 => MAX_FAILURE,
        _ => i64::MAX,
    }
}

/// `corrected_initial_age` (§4.2.3), in seconds. An `Age` that is repeated or cannot be read may
/// hide any age: `None`.
pub fn initial_age(headers: &HeaderMap, times: Times) -> Option<i64> {
    let delay = times.answered.duration_since(times.asked).as_secs().max(0);
    let corrected = age_value(headers)?.saturating_add(delay);
    let apparent = fields::date(headers, &DATE)
        .at()
        .map_or(0, |made| times.answered.duration_since(made).as_secs().max(0));
    Some(corrected.max(apparent))
}

/// `Age` (§5.1): one field, one number.
fn age_value(headers: &HeaderMap) -> Option<i64> {
    let mut values = headers.get_all(AGE).iter();
    let Some(value) = values.next() else { return Some(0) };
    let digits = value.as_bytes().trim_ascii();
    let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    if !plain || values.next().is_some() {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::gateway::cache::head::Head;

    const NOW: Timestamp = Timestamp::constant(1_700_000_000, 0);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(NOW.as_second() + seconds).unwrap()
    }

    fn written(moment: Timestamp) -> String {
        httpdate::fmt_http_date(
            std::time::UNIX_EPOCH
                + std::time::Duration::from_secs(moment.as_second().unsigned_abs()),
        )
    }

    /// A head that came `NOW`; a field `Name: +5` is a date five seconds later.
    fn head(status: u16, fields: &[(&'static str, &str)]) -> Head {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            let value = match value.strip_prefix('@') {
                Some(delta) => written(at(delta.parse().unwrap())),
                None => (*value).to_owned(),
            };
            headers.append(*name, HeaderValue::from_str(&value).unwrap());
        }
        let status = StatusCode::from_u16(status).unwrap();
        Head::new(status, headers, Times { asked: NOW, answered: NOW })
    }

    #[test]
    fn a_shared_cache_asks_s_maxage_then_max_age_then_expires() {
        let life = |fields: &[(&'static str, &str)]| head(200, fields).lifetime.seconds;
        assert_eq!(life(&[("cache-control", "max-age=1, s-maxage=9"), ("expires", "@-5")]), 9);
        assert_eq!(life(&[("cache-control", "max-age=3"), ("expires", "@90")]), 3);
        assert_eq!(life(&[("expires", "@90"), ("date", "@10")]), 80);
        assert_eq!(life(&[("expires", "0"), ("last-modified", "@-100000")]), 0);
        assert_eq!(life(&[("expires", "@9"), ("date", "foo")]), 9);
    }

    #[test]
    fn a_tenth_of_the_time_since_the_last_change_is_guessed_and_a_day_at_most() {
        let life = |status, since: &str| head(status, &[("last-modified", since)]).lifetime;
        assert_eq!(life(200, "@-1000"), Lifetime::guessed(100));
        assert_eq!(life(200, "@-100000000"), Lifetime::guessed(MAX_GUESSED));
        for not_by_default in [201, 202, 302, 403, 500, 503, 599] {
            assert_eq!(life(not_by_default, "@-1000"), Lifetime::guessed(0), "{not_by_default}");
        }
        let public = [("cache-control", "public"), ("last-modified", "@-1000")];
        assert_eq!(head(599, &public).lifetime, Lifetime::guessed(MAX_FAILURE));
        let cookie = [("set-cookie", "a=b"), ("last-modified", "@-1000")];
        assert_eq!(head(200, &cookie).lifetime, Lifetime::guessed(0));
    }

    #[test]
    fn absences_and_failures_are_kept_within_bounds() {
        assert_eq!(head(404, &[]).lifetime, Lifetime::guessed(ABSENCE));
        assert_eq!(head(404, &[("cache-control", "max-age=99999")]).lifetime.seconds, MAX_ABSENCE);
        assert_eq!(head(503, &[("cache-control", "max-age=99999")]).lifetime.seconds, MAX_FAILURE);
    }

    #[test]
    fn age_counts_what_others_held_it_and_the_clock_of_its_origin() {
        assert_eq!(head(200, &[("age", "7")]).age(at(5)), Some(12));
        assert_eq!(head(200, &[("date", "@-30"), ("age", "7")]).age(at(5)), Some(35));
        assert_eq!(head(200, &[("date", "@30")]).age(at(5)), Some(5));
        assert_eq!(head(200, &[]).age(at(-5)), Some(0), "a clock set back makes nothing younger");
        for bad in ["abc", "-7", "7.0", "0, 7", "7;a=b", ""] {
            assert_eq!(head(200, &[("age", bad)]).age(NOW), None, "{bad}");
        }
        assert_eq!(head(200, &[("age", "0"), ("age", "0")]).age(NOW), None);
    }
}
