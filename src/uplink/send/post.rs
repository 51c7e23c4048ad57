//! One request to the region, and what its answer means.

use std::time::Duration;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER},
};
use prost::Message as _;

use super::{
    Target,
    decide::{Said, meaning},
};
use crate::{
    config::RemoteWrite,
    net::client::{Answer, Ask, Client, ClientError, Limits},
    uplink::message::{BadBody, Series, pack, v2, written},
};

const VERSION: HeaderName = HeaderName::from_static("x-prometheus-remote-write-version");
/// By it a receiver of 2.0 shows that it is one (remote write 2.0, "Required Written Response Headers").
const WRITTEN: HeaderName = HeaderName::from_static("x-prometheus-remote-write-samples-written");
/// Of an answer's body, which holds a line of words.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;
/// Characters of these words that are repeated.
const MAX_WORDS: usize = 200;
/// They must come within.
const STALL: Duration = Duration::from_secs(5);

/// A version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// 1.0.
    One,
    /// 2.0.
    Two,
}

/// What the receiver is known to speak.
#[derive(Debug, Clone, Copy)]
pub struct Speech {
    /// What it is spoken to.
    pub version: Version,
    /// It has shown that it knows that, or is spoken to so whatever it shows.
    sure: bool,
}

impl Speech {
    /// At the beginning.
    pub fn new(protocol: RemoteWrite) -> Self {
        match protocol {
            RemoteWrite::Auto => Self { version: Version::Two, sure: false },
            RemoteWrite::V1 => Self { version: Version::One, sure: true },
            RemoteWrite::V2 => Self { version: Version::Two, sure: true },
        }
    }

    /// From now on 1.0.
    pub fn older(&mut self) {
        *self = Self { version: Version::One, sure: true };
    }

    /// What an answer means to who speaks like this.
    ///
    /// A receiver of 1.0 may say that all is well and have found nothing in a message of 2.0, whose fields
    /// have other numbers: that it took any is believed once it says how many.
    pub fn hear(&mut self, said: Said, says_written: bool) -> Said {
        match (self.version, said) {
            (Version::One, Said::Older) => Said::Barred,
            (Version::Two, Said::Taken) if says_written => {
                self.sure = true;
                Said::Taken
            }
            (Version::Two, Said::Taken | Said::Older) if self.sure => Said::Barred,
            (Version::Two, Said::Taken | Said::Older | Said::Refused) if !self.sure => Said::Older,
            _ => said,
        }
    }
}

/// A body in a version.
pub fn body(series: &[Series], version: Version) -> Result<Bytes, BadBody> {
    match version {
        Version::One => pack(&written(series)),
        Version::Two => pack(&v2::request(series)?.encode_to_vec()),
    }
}

/// Sends a body. Also the receiver's words, for a person.
pub async fn post(
    client: &Client,
    target: &Target,
    speech: &mut Speech,
    body: Bytes,
) -> (Said, String) {
    let (kind, version) = match speech.version {
        Version::One => ("application/x-protobuf", "0.1.0"),
        Version::Two => (v2::CONTENT_TYPE, "2.0.0"),
    };
    let headers = HeaderMap::from_iter([
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        (CONTENT_ENCODING, HeaderValue::from_static("snappy")),
        (VERSION, HeaderValue::from_static(version)),
    ]);
    let limits = Limits {
        head: target.pace.head,
        stall_after: STALL,
        slowest: 1,
        body: MAX_ANSWER_BYTES,
        redirects: 0,
    };
    let ask = Ask { method: Method::POST, url: target.url.clone(), headers, body, limits };
    match client.send(ask).await {
        Ok(answer) => {
            let says_written = answer.headers.contains_key(WRITTEN);
            let said = meaning(answer.status.as_u16(), retry_after(&answer.headers));
            let said = speech.hear(said, says_written);
            (said, words(answer).await)
        }
        Err(error) => (unheard(&error), error.to_string()),
    }
}

/// Seconds; a date is not waited for.
fn retry_after(headers: &HeaderMap) -> Option<u64> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()
}

/// What no answer means.
fn unheard(error: &ClientError) -> Said {
    match error {
        ClientError::Options { .. }
        | ClientError::Unusable { .. }
        | ClientError::Refused { .. }
        | ClientError::TooManyRedirects { .. }
        | ClientError::Redirect { .. } => Said::Barred,
        _ => Said::Unreachable,
    }
}

/// The status, and the first line of the body.
async fn words(answer: Answer) -> String {
    let status = answer.status;
    // The connection is used again when the body was read to its end.
    let body = answer.whole().await.unwrap_or_default();
    let text = String::from_utf8_lossy(&body);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let line: String = line.chars().filter(|letter| !letter.is_control()).take(MAX_WORDS).collect();
    if line.is_empty() || status.is_success() {
        status.to_string()
    } else {
        format!("{status}: {line}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_that_does_not_show_that_it_knows_2_0_is_spoken_to_in_1_0() {
        for said in [Said::Taken, Said::Older, Said::Refused] {
            let mut speech = Speech::new(RemoteWrite::Auto);
            assert_eq!(speech.hear(said, false), Said::Older, "{said:?}");
            speech.older();
            assert_eq!(speech.version, Version::One);
            assert_eq!(speech.hear(Said::Taken, false), Said::Taken);
        }
    }

    #[test]
    fn a_receiver_that_showed_it_is_spoken_to_in_2_0_whatever_comes() {
        let mut speech = Speech::new(RemoteWrite::Auto);
        assert_eq!(speech.hear(Said::Busy(None), false), Said::Busy(None));
        assert_eq!(speech.hear(Said::Taken, true), Said::Taken);
        assert_eq!(speech.hear(Said::Refused, false), Said::Refused);
        assert_eq!(speech.version, Version::Two);
    }

    #[test]
    fn a_version_that_is_asked_for_is_kept_to() {
        let mut two = Speech::new(RemoteWrite::V2);
        assert_eq!(two.hear(Said::Taken, false), Said::Barred, "it took nothing");
        assert_eq!(two.hear(Said::Older, false), Said::Barred);
        let mut one = Speech::new(RemoteWrite::V1);
        assert_eq!(one.hear(Said::Taken, false), Said::Taken);
        assert_eq!(one.hear(Said::Older, false), Said::Barred);
    }

    #[test]
    fn a_wait_is_read_in_seconds() {
        let of = |text: &'static str| {
            retry_after(&HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(text))]))
        };
        assert_eq!(of("120"), Some(120));
        assert_eq!(of("Wed, 21 Oct 2026 07:28:00 GMT"), None);
    }
}
