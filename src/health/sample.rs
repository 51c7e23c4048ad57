//! A measured value on its way to whoever collects it, and the bounds it is held to.

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;

/// How a metric behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// Grows, and starts anew with the daemon.
    Counter,
    /// Goes up and down.
    Gauge,
}

/// A name under which values are told. All of them stand in `metrics`.
#[derive(Debug)]
pub struct Metric {
    /// As Prometheus and OpenTelemetry name things: unit last, `_total` for counters.
    pub name: &'static str,
    /// How it behaves.
    pub kind: MetricKind,
    /// One line for people.
    pub help: &'static str,
    /// Names of its labels, in order; those of the whole box (`uai`, `plaque`, `site`) are added later.
    pub labels: &'static [&'static str],
    /// Series that one box may tell under this name at most.
    pub most: usize,
}

impl Metric {
    /// A counter.
    pub const fn counter(
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
        most: usize,
    ) -> Self {
        Self { name, kind: MetricKind::Counter, help, labels, most }
    }

    /// A gauge.
    pub const fn gauge(
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
        most: usize,
    ) -> Self {
        Self { name, kind: MetricKind::Gauge, help, labels, most }
    }
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// What it is a value of.
    pub metric: &'static Metric,
    /// Values of the metric's labels, in their order.
    pub labels: Vec<String>,
    /// When it was measured: it never changes on its way.
    pub at: Timestamp,
    /// The value, in the unit of the name.
    pub value: f64,
}

impl PartialEq for Metric {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// Whoever has values to tell.
pub trait Source: fmt::Debug + Send + Sync {
    /// Tells what is known now. Takes no time: nothing is measured here.
    fn tell(&self, now: Timestamp, telling: &mut Telling);
}

/// What sources say at one moment, held to each metric's bound.
#[derive(Debug, Default)]
pub struct Telling {
    samples: Vec<Sample>,
    told: BTreeMap<&'static str, usize>,
    left_out: u64,
}

impl Telling {
    /// Takes a value. One without a number (NaN), with labels other than the metric's, or beyond its bound
    /// is left out, and counted.
    pub fn say(&mut self, metric: &'static Metric, labels: &[&str], at: Timestamp, value: f64) {
        let told = self.told.entry(metric.name).or_default();
        if !value.is_finite() || labels.len() != metric.labels.len() || *told >= metric.most {
            self.left_out += 1;
            return;
        }
        *told += 1;
        let labels = labels.iter().map(|&value| value.to_owned()).collect();
        self.samples.push(Sample { metric, labels, at, value });
    }

    /// A value that may be unknown: then nothing is told.
    pub fn say_known(
        &mut self,
        metric: &'static Metric,
        labels: &[&str],
        at: Timestamp,
        value: Option<f64>,
    ) {
        if let Some(value) = value {
            self.say(metric, labels, at, value);
        }
    }

    /// What was said.
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// What was said, to keep.
    pub fn into_samples(self) -> Vec<Sample> {
        self.samples
    }

    /// Values that were left out.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static ROOMS: Metric = Metric::gauge("preau_rooms", "Rooms.", &["floor"], 2);

    #[test]
    fn a_metric_tells_no_more_series_than_its_bound() {
        let (mut telling, at) = (Telling::default(), Timestamp::UNIX_EPOCH);
        for floor in ["0", "1", "2"] {
            telling.say(&ROOMS, &[floor], at, 4.0);
        }
        assert_eq!((telling.samples().len(), telling.left_out()), (2, 1));
    }

    #[test]
    fn what_is_no_number_or_has_other_labels_is_left_out() {
        let (mut telling, at) = (Telling::default(), Timestamp::UNIX_EPOCH);
        telling.say(&ROOMS, &["0"], at, f64::NAN);
        telling.say(&ROOMS, &[], at, 1.0);
        telling.say_known(&ROOMS, &["0"], at, None);
        assert_eq!((telling.samples().len(), telling.left_out()), (0, 2));
    }
}
