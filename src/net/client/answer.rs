//! Reading an answer's body within its bounds.

use std::{io::Read, time::Duration};

use bytes::{Bytes, BytesMut};
use flate2::read::MultiGzDecoder;
use http::{HeaderMap, StatusCode, header::CONTENT_ENCODING};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use tokio::time::Instant;
use url::Url;

use super::{ClientError, Limits, error::causes};

/// The head of an answer, and its body to be read.
#[derive(Debug)]
pub struct Answer {
    /// Status code.
    pub status: StatusCode,
    /// Header fields.
    pub headers: HeaderMap,
    /// The address that answered, after redirects.
    pub url: Url,
    body: Incoming,
    limits: Limits,
    gzip_asked: bool,
    /// What the framing promises, `None` for chunked bodies.
    announced: Option<u64>,
    received: u64,
    ended: bool,
    pace: Pace,
}

/// Bytes brought over the time spent waiting for them. Time the reader takes for itself (a rate
/// cap, a slow disk) is not held against the other side.
#[derive(Debug, Default)]
struct Pace {
    waited: Duration,
    brought: u64,
}

/// Counts a wait even when it is cancelled.
struct Waiting<'a> {
    pace: &'a mut Pace,
    since: Instant,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.pace.waited += self.since.elapsed();
    }
}

impl Pace {
    /// At the end of a span: was it fast enough? Starts the next span if so.
    fn passes(&mut self, limits: &Limits) -> bool {
        let expected = u128::from(limits.slowest) * limits.stall_after.as_millis() / 1000;
        let enough = self.brought > 0 && u128::from(self.brought) >= expected;
        if enough {
            *self = Self::default();
        }
        enough
    }
}

impl Answer {
    pub(super) fn new(
        response: http::Response<Incoming>,
        url: Url,
        limits: Limits,
        gzip_asked: bool,
    ) -> Self {
        let (head, body) = response.into_parts();
        let announced = body.size_hint().exact();
        Self {
            status: head.status,
            headers: head.headers,
            url,
            body,
            limits,
            gzip_asked,
            announced,
            received: 0,
            ended: false,
            pace: Pace::default(),
        }
    }

    /// Bytes that the body will bring, when its head says so.
    pub fn announced(&self) -> Option<u64> {
        self.announced
    }

    /// Bytes of body received so far, before decoding.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// The next piece of the body as it came, gzip or not; `None` at its end. A body shorter than
    /// `Content-Length`, longer than the limit or too slow is an error. May be cancelled and
    /// called again: no byte is lost.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, ClientError> {
        if self.ended {
            return Ok(None);
        }
        self.check_head()?;
        loop {
            let frame = self.next_frame().await?;
            let Some(frame) = frame else {
                return self.check_end().map(|()| None);
            };
            // Trailers are of no use to anyone here.
            let Ok(data) = frame.into_data() else { continue };
            self.received += data.len() as u64;
            self.pace.brought += data.len() as u64;
            if self.received > self.limits.body {
                return Err(self.too_large(None));
            }
            if !data.is_empty() {
                return Ok(Some(data));
            }
        }
    }

    /// The whole body, within the limit; decoded when it came as gzip and the request asked for
    /// that with `Accept-Encoding: gzip`.
    pub async fn whole(mut self) -> Result<Bytes, ClientError> {
        let Some(first) = self.chunk().await? else { return Ok(Bytes::new()) };
        let body = match self.chunk().await? {
            None => first,
            Some(second) => {
                let mut all = BytesMut::from(first);
                all.extend_from_slice(&second);
                while let Some(more) = self.chunk().await? {
                    all.extend_from_slice(&more);
                }
                all.freeze()
            }
        };
        if self.encoding().is_none() { Ok(body) } else { self.inflate(body).await }
    }

    /// The content coding, unless it is none.
    fn encoding(&self) -> Option<String> {
        let value = self.headers.get(CONTENT_ENCODING)?;
        let text = String::from_utf8_lossy(value.as_bytes()).trim().to_ascii_lowercase();
        (!text.is_empty() && text != "identity").then_some(text)
    }

    fn check_head(&self) -> Result<(), ClientError> {
        if let Some(announced) = self.announced
            && announced > self.limits.body
        {
            return Err(self.too_large(Some(announced)));
        }
        match self.encoding() {
            Some(encoding) if !(self.gzip_asked && matches!(&*encoding, "gzip" | "x-gzip")) => {
                Err(ClientError::Encoding { url: (&self.url).into(), encoding })
            }
            _ => Ok(()),
        }
    }

    async fn next_frame(&mut self) -> Result<Option<hyper::body::Frame<Bytes>>, ClientError> {
        loop {
            let left = self.limits.stall_after.saturating_sub(self.pace.waited);
            let outcome = {
                let _waiting = Waiting { since: Instant::now(), pace: &mut self.pace };
                tokio::time::timeout(left, self.body.frame()).await
            };
            match outcome {
                Ok(None) => return Ok(None),
                Ok(Some(Ok(frame))) => return Ok(Some(frame)),
                Ok(Some(Err(error))) => return Err(self.broken(&error)),
                Err(_) if self.pace.passes(&self.limits) => {}
                Err(_) => {
                    return Err(ClientError::TooSlow {
                        url: (&self.url).into(),
                        got: self.received,
                        brought: self.pace.brought,
                        over: self.limits.stall_after,
                        slowest: self.limits.slowest,
                    });
                }
            }
        }
    }

    fn check_end(&mut self) -> Result<(), ClientError> {
        self.ended = true;
        match self.announced {
            Some(expected) if expected != self.received => Err(ClientError::Truncated {
                url: (&self.url).into(),
                got: self.received,
                expected,
            }),
            _ => Ok(()),
        }
    }

    fn broken(&self, error: &hyper::Error) -> ClientError {
        match self.announced {
            Some(expected) if self.received < expected => {
                ClientError::Truncated { url: (&self.url).into(), got: self.received, expected }
            }
            _ => ClientError::Exchange {
                url: (&self.url).into(),
                got: self.received,
                reason: causes(error),
            },
        }
    }

    fn too_large(&self, announced: Option<u64>) -> ClientError {
        ClientError::TooLarge { url: (&self.url).into(), limit: self.limits.body, announced }
    }

    async fn inflate(self, packed: Bytes) -> Result<Bytes, ClientError> {
        let limit = self.limits.body;
        let got = self.received;
        let damaged =
            |reason: String| ClientError::Inflate { url: (&self.url).into(), got, reason };
        let inflated = tokio::task::spawn_blocking(move || {
            let mut plain = Vec::new();
            MultiGzDecoder::new(&*packed)
                .take(limit.saturating_add(1))
                .read_to_end(&mut plain)
                .map(|_| plain)
        })
        .await
        .map_err(|error| damaged(error.to_string()))?
        .map_err(|error| damaged(error.to_string()))?;
        if inflated.len() as u64 > limit {
            return Err(self.too_large(None));
        }
        Ok(inflated.into())
    }
}
