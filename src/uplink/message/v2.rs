//! Remote write 2.0 (`io.prometheus.write.v2.Request`), made of what is spooled: each text stands once,
//! and series say what they are.

use std::collections::HashMap;

use prost::Message as _;

use super::{BadBody, Label, NAME, Series};
use crate::health::{metrics, sample::MetricKind};

/// `Content-Type` of its bodies.
pub const CONTENT_TYPE: &str = "application/x-protobuf;proto=io.prometheus.write.v2.Request";

/// A value and its moment.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct Sample {
    /// The value.
    #[prost(double, tag = "1")]
    pub value: f64,
    /// Milliseconds since 1970, UTC.
    #[prost(int64, tag = "2")]
    pub timestamp: i64,
}

/// What a series is.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Metadata {
    /// Its kind.
    #[prost(enumeration = "MetricType", tag = "1")]
    pub kind: i32,
    /// Index of its help text.
    #[prost(uint32, tag = "3")]
    pub help: u32,
    /// Index of its unit; 0 = none is told: it stands in the name.
    #[prost(uint32, tag = "4")]
    pub unit: u32,
}

/// Kinds of series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum MetricType {
    /// Nobody says.
    Unspecified = 0,
    /// It grows.
    Counter = 1,
    /// It goes up and down.
    Gauge = 2,
}

/// A series.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TimeSeries {
    /// Indexes of its labels' names and values, in pairs.
    #[prost(uint32, repeated, tag = "1")]
    pub labels: Vec<u32>,
    /// Oldest first.
    #[prost(message, repeated, tag = "2")]
    pub samples: Vec<Sample>,
    /// What it is.
    #[prost(message, optional, tag = "5")]
    pub metadata: Option<Metadata>,
}

/// A body.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Request {
    /// Every text, the first of them empty.
    #[prost(string, repeated, tag = "4")]
    pub symbols: Vec<String>,
    /// What is written.
    #[prost(message, repeated, tag = "5")]
    pub series: Vec<TimeSeries>,
}

/// The texts of a body, each once.
struct Symbols {
    all: Vec<String>,
    places: HashMap<String, u32>,
}

impl Symbols {
    fn place(&mut self, text: &str) -> u32 {
        if let Some(&place) = self.places.get(text) {
            return place;
        }
        let place = u32::try_from(self.all.len()).unwrap_or(0);
        self.all.push(text.to_owned());
        self.places.insert(text.to_owned(), place);
        place
    }
}

/// The same series, in 2.0.
///
/// # Errors
/// A label is none.
pub fn request(series: &[Series]) -> Result<Request, BadBody> {
    let places = HashMap::from([(String::new(), 0)]);
    let mut symbols = Symbols { all: vec![String::new()], places };
    let mut made = Vec::with_capacity(series.len());
    for one in series {
        let (mut labels, mut metadata) = (Vec::with_capacity(2 * one.labels.len()), None);
        for bytes in &one.labels {
            let label = Label::decode(bytes.clone())?;
            labels.extend([symbols.place(&label.name), symbols.place(&label.value)]);
            if label.name == NAME {
                metadata = self::metadata(&label.value, &mut symbols);
            }
        }
        let samples = one.samples.iter();
        let samples = samples.map(|one| Sample { value: one.value, timestamp: one.timestamp });
        made.push(TimeSeries { labels, samples: samples.collect(), metadata });
    }
    Ok(Request { symbols: symbols.all, series: made })
}

fn metadata(name: &str, symbols: &mut Symbols) -> Option<Metadata> {
    let metric = metrics::ALL.iter().find(|metric| metric.name == name)?;
    let kind = match metric.kind {
        MetricKind::Counter => MetricType::Counter,
        MetricKind::Gauge => MetricType::Gauge,
    };
    Some(Metadata { kind: kind.into(), help: symbols.place(metric.help), unit: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uplink::message::{self, label};

    #[test]
    fn each_text_stands_once_and_series_say_what_they_are() {
        let heartbeat = metrics::HEARTBEAT.name;
        let of = |name: &str, timestamp| Series {
            labels: vec![label(NAME, name), label("uai", "0510035L")],
            samples: vec![message::Sample { value: 1.0, timestamp }],
        };
        let request = request(&[of(heartbeat, 5), of("preau_unknown", 6)]).unwrap();
        let help = metrics::HEARTBEAT.help;
        let symbols = ["", NAME, heartbeat, help, "uai", "0510035L", "preau_unknown"];
        assert_eq!(request.symbols, symbols);
        assert_eq!(request.series[0].labels, [1, 2, 4, 5]);
        assert_eq!(request.series[1].labels, [1, 6, 4, 5]);
        let gauge = Metadata { kind: MetricType::Gauge.into(), help: 3, unit: 0 };
        assert_eq!(request.series[0].metadata, Some(gauge));
        assert_eq!(request.series[1].metadata, None);
        assert_eq!(request.series[0].samples, [Sample { value: 1.0, timestamp: 5 }]);
    }
}
