//! Values in Prometheus' text exposition format 0.0.4, as `GET /metrics` and `preau metrics` tell them.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::health::sample::{MetricKind, Sample};

/// `Content-Type` of the format.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The text: metrics by name, each with what it is. Without moments: whoever asks takes them for those of
/// their question.
pub fn exposition(samples: &[Sample]) -> String {
    let mut by_name: BTreeMap<&str, Vec<&Sample>> = BTreeMap::new();
    for sample in samples {
        by_name.entry(sample.metric.name).or_default().push(sample);
    }
    let mut text = String::new();
    for (name, samples) in by_name {
        let Some(metric) = samples.first().map(|sample| sample.metric) else { continue };
        let kind = match metric.kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
        };
        // Writing into a text cannot fail.
        let _ = writeln!(text, "# HELP {name} {}", escaped(metric.help, false));
        let _ = writeln!(text, "# TYPE {name} {kind}");
        let mut told = std::collections::HashSet::new();
        for sample in samples {
            // A series told twice would make the whole text void.
            if told.insert(&sample.labels) {
                line(&mut text, sample);
            }
        }
    }
    text
}

fn line(text: &mut String, sample: &Sample) {
    text.push_str(sample.metric.name);
    let labels = sample.metric.labels.iter().zip(&sample.labels);
    for (index, (name, value)) in labels.enumerate() {
        let before = if index == 0 { '{' } else { ',' };
        let _ = write!(text, "{before}{name}=\"{}\"", escaped(value, true));
    }
    if !sample.metric.labels.is_empty() {
        text.push('}');
    }
    let _ = writeln!(text, " {}", sample.value);
}

/// With backslashes before backslashes, line ends and, in labels, quotes.
fn escaped(text: &str, is_label: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '"' if is_label => escaped.push_str("\\\""),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::health::{metrics, sample::Telling};

    #[test]
    fn values_stand_under_what_they_are_in_the_order_of_names() {
        let (mut telling, at) = (Telling::default(), Timestamp::UNIX_EPOCH);
        telling.say(&metrics::PROBE_SENT, &["gar", "icmp"], at, 12.0);
        telling.say(&metrics::LOAD, &[], at, 0.25);
        telling.say(&metrics::PROBE_SENT, &["a\"b\\c\nd", "tcp"], at, 1e21);
        telling.say(&metrics::PROBE_SENT, &["gar", "icmp"], at, 13.0);
        let expected = "# HELP preau_load1 Load of the last minute.\n\
            # TYPE preau_load1 gauge\n\
            preau_load1 0.25\n\
            # HELP preau_probe_sent_total Probes sent.\n\
            # TYPE preau_probe_sent_total counter\n\
            preau_probe_sent_total{target=\"gar\",method=\"icmp\"} 12\n\
            preau_probe_sent_total{target=\"a\\\"b\\\\c\\nd\",method=\"tcp\"} 1000000000000000000000\n";
        assert_eq!(exposition(telling.samples()), expected);
    }
}
