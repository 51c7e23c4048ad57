//! One collection: every source is asked, the box's own labels are added, and each value that is new goes
//! into a body.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    sync::Arc,
};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};

use super::message::{BadBody, Body, Gathered, NAME, Sample, Series, label, milliseconds};
use crate::health::{
    metrics,
    sample::{Source, Telling},
};

/// Samples of a fresh body: a collection of a large school is some bodies.
const MAX_BODY_SAMPLES: usize = 2_000;
/// Characters of a label's value: names come from machines of others.
const MAX_LABEL_CHARS: usize = 200;
/// A value may be so far ahead of the clock, and no further: one from the future can stop a receiver for
/// every school.
pub const MOST_AHEAD: SignedDuration = SignedDuration::from_secs(120);

/// The labels that every series of a box bears.
#[derive(Debug, Clone)]
pub struct Whose {
    /// The school's identifier.
    pub uai: String,
    /// Its regional network; empty = not told.
    pub plaque: String,
    /// The site of the box; empty = not told.
    pub site: String,
}

impl Whose {
    fn labels(&self) -> Vec<(&'static str, Bytes)> {
        let all = [("plaque", &self.plaque), ("site", &self.site), ("uai", &self.uai)];
        // An empty value means that there is no such label (remote write 1.0, "Labels").
        let told = all.into_iter().filter(|(_, value)| !value.is_empty());
        told.map(|(name, value)| (name, label(name, value))).collect()
    }
}

/// One value of now, which no receiver has a reason to refuse.
pub fn heartbeat(whose: &Whose, now: Timestamp) -> Series {
    let labels = Collector::new(whose).labels(metrics::HEARTBEAT.name, &[], &[]);
    let timestamp = milliseconds(now);
    #[allow(clippy::cast_precision_loss, reason = "milliseconds since 1970 are below 2^53")]
    let value = timestamp as f64 / 1000.0;
    Series { labels, samples: vec![Sample { value, timestamp }] }
}

/// Asks every source what it knows now.
pub fn ask(sources: &[Arc<dyn Source>], now: Timestamp) -> Telling {
    let mut telling = Telling::default();
    for source in sources {
        source.tell(now, &mut telling);
    }
    telling
}

/// What one collection brought.
#[derive(Debug, Default)]
pub struct Collected {
    /// To be kept, and sent.
    pub bodies: Vec<Body>,
    /// Series that were told.
    pub series: usize,
    /// Values further ahead of the clock than [`MOST_AHEAD`], left out.
    pub ahead: u64,
}

/// Makes bodies of what is told. Remembers of each series the moment of its last value: what was not
/// measured since is not told twice.
#[derive(Debug)]
pub struct Collector {
    whose: Vec<(&'static str, Bytes)>,
    hasher: RandomState,
    told: HashMap<u64, i64>,
}

impl Collector {
    /// For the box with these labels.
    pub fn new(whose: &Whose) -> Self {
        Self { whose: whose.labels(), hasher: RandomState::new(), told: HashMap::new() }
    }

    /// The bodies of one telling.
    ///
    /// # Errors
    /// A body cannot be packed.
    pub fn collect(&mut self, telling: &Telling, now: Timestamp) -> Result<Collected, BadBody> {
        let (mut gathered, mut told) = (Gathered::default(), HashMap::new());
        let latest = now + MOST_AHEAD;
        let mut ahead = 0;
        for sample in telling.samples() {
            let labels = self.labels(sample.metric.name, sample.metric.labels, &sample.labels);
            let (key, timestamp) = (self.hasher.hash_one(&labels), milliseconds(sample.at));
            if sample.at > latest {
                ahead += 1;
                continue;
            }
            let before = self.told.get(&key).copied();
            if told.insert(key, timestamp).is_none() && before != Some(timestamp) {
                gathered.add(labels, &[Sample { value: sample.value, timestamp }]);
            }
        }
        let series = told.len();
        // Series that are told no more are forgotten.
        self.told = told;
        let runs = gathered.into_runs(MAX_BODY_SAMPLES);
        let bodies = runs.iter().map(|run| Body::pack(run)).collect::<Result<_, _>>()?;
        Ok(Collected { bodies, series, ahead })
    }

    /// In the order of their names, as receivers want them.
    fn labels(&self, name: &str, names: &[&str], values: &[String]) -> Vec<Bytes> {
        let mut labels: Vec<(&str, Bytes)> = vec![(NAME, label(NAME, name))];
        labels.extend(self.whose.iter().map(|(name, bytes)| (*name, bytes.clone())));
        for (name, value) in names.iter().zip(values) {
            if !value.is_empty() {
                labels.push((name, label(name, clipped(value))));
            }
        }
        labels.sort_by_key(|(name, _)| *name);
        labels.into_iter().map(|(_, bytes)| bytes).collect()
    }
}

fn clipped(value: &str) -> &str {
    let end = value.char_indices().nth(MAX_LABEL_CHARS).map_or(value.len(), |(end, _)| end);
    value.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::{
        health::sample::Metric,
        uplink::message::{Label, unpack},
    };

    fn noon() -> Timestamp {
        "2026-09-01T12:00:00Z".parse().unwrap()
    }

    fn collector() -> Collector {
        let whose = Whose { uai: "0510035L".into(), plaque: "IHDEAL".into(), site: String::new() };
        Collector::new(&whose)
    }

    fn telling(said: &[(&'static Metric, &[&str], Timestamp)]) -> Telling {
        let mut telling = Telling::default();
        for (metric, labels, at) in said {
            telling.say(metric, labels, *at, 1.0);
        }
        telling
    }

    #[test]
    fn every_series_bears_the_box_s_labels_in_the_order_of_names() {
        let said = telling(&[(&metrics::PROBE_SENT, &["gar", "icmp"], noon())]);
        let collected = collector().collect(&said, noon()).unwrap();
        let series = unpack(&collected.bodies[0].packed).unwrap();
        let labels = series[0].labels.iter().map(|bytes| Label::decode(bytes.clone()).unwrap());
        let labels: Vec<_> = labels.map(|label| (label.name, label.value)).collect();
        let expected = [
            (NAME, "preau_probe_sent_total"),
            ("method", "icmp"),
            ("plaque", "IHDEAL"),
            ("target", "gar"),
            ("uai", "0510035L"),
        ];
        assert_eq!(labels, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn a_value_is_collected_once_however_often_it_is_told() {
        let (mut collector, later) = (collector(), noon() + SignedDuration::from_mins(1));
        let mut collect = |at, now| {
            let said = telling(&[(&metrics::LINK_UP, &["main"], at)]);
            let collected = collector.collect(&said, now).unwrap();
            (collected.series, collected.bodies.iter().map(|body| body.samples).sum::<u32>())
        };
        assert_eq!(collect(noon(), noon()), (1, 1));
        assert_eq!(collect(noon(), later), (1, 0), "not measured since");
        assert_eq!(collect(later, later), (1, 1));
    }

    #[test]
    fn one_series_told_by_two_has_one_value() {
        let (at, later) = (noon(), noon() + SignedDuration::from_secs(1));
        let said = [(&metrics::LINK_UP, &["main"][..], at), (&metrics::LINK_UP, &["main"], later)];
        let said = telling(&said.map(|(metric, labels, at)| (metric, labels, at)));
        let collected = collector().collect(&said, later).unwrap();
        assert_eq!(collected.bodies[0].samples, 1);
    }

    #[test]
    fn what_is_more_than_two_minutes_ahead_is_left_out() {
        let ahead = |seconds| noon() + SignedDuration::from_secs(seconds);
        let said = telling(&[
            (&metrics::LINK_UP, &["a"], ahead(120)),
            (&metrics::LINK_UP, &["b"], ahead(121)),
        ]);
        let collected = collector().collect(&said, noon()).unwrap();
        assert_eq!((collected.bodies[0].samples, collected.ahead), (1, 1));
    }

    #[test]
    fn a_machine_s_long_name_is_clipped() {
        assert_eq!(clipped(&"é".repeat(300)).chars().count(), MAX_LABEL_CHARS);
        assert_eq!(clipped("B 204"), "B 204");
    }
}
