//! A reading, as values.

use jiff::Timestamp;

use super::Reading;
use crate::{
    health::{
        metrics::{
            CERTIFICATE_END, DNS_QUESTIONS, LISTS_DATE, MIRROR_PACKAGES, MIRROR_WANTED,
            PROXY_REQUESTS, SCRUB_DAMAGED, SCRUB_LAST, STORE_BYTES,
        },
        sample::{Metric, Telling},
    },
    net::tally::Counts,
};

/// What the certificate of the box's name is called.
pub const HTTPS: &str = "https";

/// Tells it, with its own time.
pub fn tell(reading: &Reading, telling: &mut Telling) {
    let at = reading.at;
    let ends = reading.certificate.map(|(_, ends)| seconds(ends));
    telling.say_known(&CERTIFICATE_END, &[HTTPS], at, ends);
    let mirror = &reading.mirror;
    for (state, count) in
        [("here", reading.kept.0), ("wanted", mirror.wanted), ("failed", mirror.failed)]
    {
        telling.say(&MIRROR_PACKAGES, &[state], at, number(count as u64));
    }
    telling.say(&MIRROR_WANTED, &[], at, number(mirror.missing));
    telling.say(&STORE_BYTES, &[], at, number(reading.kept.1));
    telling.say_known(&SCRUB_LAST, &[], at, reading.scrubbed.map(seconds));
    let damaged = reading.damaged.as_ref().map(|damaged| number(damaged.len() as u64));
    telling.say_known(&SCRUB_DAMAGED, &[], at, damaged);
    telling.say_known(&LISTS_DATE, &[], at, reading.lists.map(seconds));
    let results = ["served", "refused", "failed"];
    counts(&PROXY_REQUESTS, results, reading.proxy, at, telling);
    if let Some(names) = reading.names {
        counts(&DNS_QUESTIONS, ["answered", "refused", "failed"], names, at, telling);
    }
}

fn counts(
    metric: &'static Metric,
    results: [&str; 3],
    counts: Counts,
    at: Timestamp,
    telling: &mut Telling,
) {
    let Counts { served, refused, failed } = counts;
    for (result, count) in results.into_iter().zip([served, refused, failed]) {
        telling.say(metric, &[result], at, number(count));
    }
}

fn seconds(moment: Timestamp) -> f64 {
    moment.as_duration().as_secs_f64()
}

#[expect(clippy::cast_precision_loss, reason = "counts and bytes, far below 2^53")]
fn number(count: u64) -> f64 {
    count as f64
}
