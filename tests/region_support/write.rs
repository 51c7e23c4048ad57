//! Remote write 1.0 by hand, so that a test can say what no honest box would.

use prost::Message;

/// `prometheus.WriteRequest`.
#[derive(Clone, PartialEq, Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<TimeSeries>,
}

/// `prometheus.TimeSeries`.
#[derive(Clone, PartialEq, Message)]
pub struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

/// Now, in seconds: what samples and questions of a test count from.
pub fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// A series with these labels in this order, and its samples: seconds, value.
pub fn series(name: &str, labels: &[(&str, &str)], samples: &[(i64, f64)]) -> TimeSeries {
    let label = |(name, value): &(&str, &str)| Label {
        name: (*name).to_owned(),
        value: (*value).to_owned(),
    };
    let sample = |&(at, value): &(i64, f64)| Sample { value, timestamp: at * 1000 };
    TimeSeries {
        labels: [("__name__", name)].iter().chain(labels).map(label).collect(),
        samples: samples.iter().map(sample).collect(),
    }
}

/// The body of a request.
pub fn body(timeseries: Vec<TimeSeries>) -> Vec<u8> {
    let bytes = WriteRequest { timeseries }.encode_to_vec();
    snap::raw::Encoder::new().compress_vec(&bytes).unwrap()
}
