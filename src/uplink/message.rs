//! Remote write's messages, as they are spooled (1.0) and sent (1.0 or 2.0).
//!
//! A series' labels are kept as the bytes of their messages: nobody here looks into them but the few who
//! need the metric's name, and a spool of a week is merged by comparing bytes.

pub mod v2;

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::Timestamp;
use prost::Message as _;

/// Bytes of a body, packed: those of the spool and those that are sent are smaller.
pub const MAX_PACKED_BYTES: usize = 1 << 20;
/// Bytes of a body, unpacked.
pub const MAX_BODY_BYTES: usize = 16 << 20;
/// The label that is a series' name.
pub const NAME: &str = "__name__";

/// A label (Prometheus remote write 1.0, `prometheus.Label`).
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Label {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its value, never empty.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// A value and its moment (`prometheus.Sample`).
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct Sample {
    /// The value.
    #[prost(double, tag = "1")]
    pub value: f64,
    /// Milliseconds since 1970, UTC: when it was measured.
    #[prost(int64, tag = "2")]
    pub timestamp: i64,
}

/// A series (`prometheus.TimeSeries`).
#[derive(Clone, PartialEq, prost::Message)]
pub struct Series {
    /// [`Label`]s in the order of their names, each as the bytes of its message.
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub labels: Vec<Bytes>,
    /// Oldest first.
    #[prost(message, repeated, tag = "2")]
    pub samples: Vec<Sample>,
}

/// A body (`prometheus.WriteRequest`, remote write 1.0).
#[derive(Clone, PartialEq, prost::Message)]
pub struct WriteRequest {
    /// What is written.
    #[prost(message, repeated, tag = "1")]
    pub series: Vec<Series>,
}

/// Why bytes are no body of ours.
#[derive(Debug, thiserror::Error)]
pub enum BadBody {
    /// They are no snappy block, or too large a one.
    #[error("not a snappy block of at most {MAX_BODY_BYTES} bytes: {0}")]
    Packed(#[from] snap::Error),
    /// They are no message.
    #[error("not a remote-write message: {0}")]
    Message(#[from] prost::DecodeError),
    /// They would take more than is accepted.
    #[error("{0} bytes unpacked, at most {MAX_BODY_BYTES} are accepted")]
    TooLarge(usize),
}

/// A body ready to be sent, and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// A snappy block of a [`WriteRequest`].
    pub packed: Bytes,
    /// Samples in it.
    pub samples: u32,
    /// Earliest moment in it, in milliseconds since 1970.
    pub first: i64,
    /// Latest moment in it.
    pub last: i64,
}

impl Body {
    /// Packs series.
    ///
    /// # Errors
    /// They take more than snappy can pack (4 GiB).
    pub fn pack(series: &[Series]) -> Result<Self, BadBody> {
        let times = || series.iter().flat_map(|one| &one.samples).map(|sample| sample.timestamp);
        let (first, last) = (times().min().unwrap_or(0), times().max().unwrap_or(0));
        let samples = u32::try_from(count(series)).unwrap_or(u32::MAX);
        let packed = pack(&written(series))?;
        Ok(Self { packed, samples, first, last })
    }
}

/// A [`WriteRequest`] of these series, without a copy of them.
pub fn written(series: &[Series]) -> Vec<u8> {
    /// Field 1, length-delimited.
    const SERIES: u8 = 1 << 3 | 2;
    let mut bytes = Vec::new();
    for one in series {
        bytes.push(SERIES);
        // A `Vec` grows: it is never too short.
        let _ = one.encode_length_delimited(&mut bytes);
    }
    bytes
}

/// A snappy block (the block format, not the framed one).
///
/// # Errors
/// More than snappy can pack (4 GiB).
pub fn pack(bytes: &[u8]) -> Result<Bytes, BadBody> {
    Ok(snap::raw::Encoder::new().compress_vec(bytes)?.into())
}

/// What a body holds.
///
/// # Errors
/// It is none, or larger than [`MAX_BODY_BYTES`].
pub fn unpack(packed: &[u8]) -> Result<Vec<Series>, BadBody> {
    let length = snap::raw::decompress_len(packed)?;
    if length > MAX_BODY_BYTES {
        return Err(BadBody::TooLarge(length));
    }
    let bytes = Bytes::from(snap::raw::Decoder::new().decompress_vec(packed)?);
    // Labels are slices of these bytes, which live as long as one of them.
    Ok(WriteRequest::decode(bytes)?.series)
}

/// Samples in all.
pub fn count(series: &[Series]) -> u64 {
    series.iter().map(|one| one.samples.len() as u64).sum()
}

/// The moment of samples.
pub fn milliseconds(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// A label's bytes.
pub fn label(name: &str, value: &str) -> Bytes {
    Label { name: name.to_owned(), value: value.to_owned() }.encode_to_vec().into()
}

/// Series put together by their labels, each one's samples oldest first, one a moment.
#[derive(Debug, Default)]
pub struct Gathered(BTreeMap<Vec<Bytes>, Vec<Sample>>);

impl Gathered {
    /// Adds samples of a series. Of several at one moment the first stays. Returns how many were added.
    pub fn add(&mut self, labels: Vec<Bytes>, samples: &[Sample]) -> u64 {
        let (kept, mut added) = (self.0.entry(labels).or_default(), 0);
        for &sample in samples {
            if kept.last().is_none_or(|last| last.timestamp < sample.timestamp) {
                kept.push(sample);
                added += 1;
            } else if let Err(place) =
                kept.binary_search_by_key(&sample.timestamp, |one| one.timestamp)
            {
                kept.insert(place, sample);
                added += 1;
            }
        }
        added
    }

    /// No series at all?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The series, in the order of their labels.
    pub fn into_series(self) -> Vec<Series> {
        self.0.into_iter().map(|(labels, samples)| Series { labels, samples }).collect()
    }

    /// Series in runs of at most so many samples, or of one series.
    pub fn into_runs(self, most: usize) -> Vec<Vec<Series>> {
        let (mut runs, mut run, mut held) = (Vec::new(), Vec::new(), 0);
        for series in self.into_series() {
            if held > 0 && held + series.samples.len() > most {
                runs.push(std::mem::take(&mut run));
                held = 0;
            }
            held += series.samples.len();
            run.push(series);
        }
        if !run.is_empty() {
            runs.push(run);
        }
        runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(timestamp: i64) -> Sample {
        Sample { value: 0.5, timestamp }
    }

    #[test]
    fn a_body_is_read_as_it_was_packed() {
        let labels = vec![label(NAME, "preau_x"), label("uai", "0510035L")];
        let series = vec![Series { labels, samples: vec![sample(10), sample(20)] }];
        let body = Body::pack(&series).unwrap();
        assert_eq!((body.samples, body.first, body.last), (2, 10, 20));
        assert_eq!(unpack(&body.packed).unwrap(), series);
    }

    #[test]
    fn a_label_is_written_as_the_protocol_says() {
        // prometheus.Label: field 1 and field 2, each length-delimited.
        assert_eq!(&label("uai", "a")[..], b"\x0a\x03uai\x12\x01a");
        let series = Series { labels: vec![label("a", "b")], samples: vec![sample(1)] };
        let bytes = WriteRequest { series: vec![series.clone()] }.encode_to_vec();
        let expected =
            b"\x0a\x15\x0a\x06\x0a\x01a\x12\x01b\x12\x0b\x09\0\0\0\0\0\0\xe0\x3f\x10\x01";
        assert_eq!(bytes, expected);
        assert_eq!(written(&[series]), expected);
    }

    #[test]
    fn a_block_that_says_it_is_huge_is_not_unpacked() {
        // A varint of 4 GiB less one, and nothing behind it.
        let error = unpack(b"\xff\xff\xff\xff\x0f").unwrap_err();
        assert!(matches!(error, BadBody::TooLarge(_)), "{error}");
        assert!(unpack(b"").is_err() || unpack(b"").unwrap().is_empty());
    }

    #[test]
    fn samples_of_one_series_are_put_in_order_and_stand_once() {
        let (mut gathered, labels) = (Gathered::default(), vec![label(NAME, "preau_x")]);
        assert_eq!(gathered.add(labels.clone(), &[sample(20), sample(30)]), 2);
        assert_eq!(gathered.add(labels.clone(), &[sample(10), sample(30), sample(25)]), 2);
        let series = gathered.into_series();
        let times: Vec<i64> = series[0].samples.iter().map(|one| one.timestamp).collect();
        assert_eq!(times, [10, 20, 25, 30]);
    }

    #[test]
    fn runs_hold_at_most_so_many_samples() {
        let mut gathered = Gathered::default();
        for name in ["a", "b", "c"] {
            gathered.add(vec![label(NAME, name)], &[sample(1), sample(2)]);
        }
        let sizes: Vec<u64> = gathered.into_runs(4).iter().map(|run| count(run)).collect();
        assert_eq!(sizes, [4, 2]);
    }
}
