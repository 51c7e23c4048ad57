//! The HTTP client of every room: bounded in size, time, redirects and destination.

use std::{path::PathBuf, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use ipnet::IpNet;
use url::Url;

/// What every request of one client shares.
#[derive(Debug, Clone, Default)]
pub struct ClientOptions {
    /// Private, loopback or link-local networks that may be reached all the same.
    pub allow_private: Vec<IpNet>,
    /// Certificate authorities (PEM files) beside the system's.
    pub extra_authorities: Vec<PathBuf>,
    /// Client certificate chain and key (PEM files).
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Sent as `Authorization: Bearer …` to `bearer_origin` only.
    pub bearer: Option<String>,
}

/// How much, how long and how far one exchange may go.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// From the first byte sent to the answer's head.
    pub head: Duration,
    /// The body must bring `slowest` bytes a second on average over this span, else it is cut.
    pub stall_after: Duration,
    /// See `stall_after`.
    pub slowest: u64,
    /// Bytes of body accepted, after decoding.
    pub body: u64,
    /// Redirects followed; each hop is checked like the first address.
    pub redirects: u8,
}

/// A request. The body is small and held whole.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Usually GET.
    pub method: Method,
    /// `http` or `https`.
    pub url: Url,
    /// Beside the ones the client sets (Host, User-Agent, Accept-Encoding: identity).
    pub headers: HeaderMap,
    /// Empty for most.
    pub body: Bytes,
    /// Bounds of this exchange.
    pub limits: Limits,
}

/// The head of an answer, and its body to be read.
#[derive(Debug)]
pub struct Answer {
    /// Status code.
    pub status: StatusCode,
    /// Header fields.
    pub headers: HeaderMap,
    /// The address that answered, after redirects.
    pub url: Url,
    // body: bounded by the owner
}

impl Answer {
    /// The next piece of the body; `None` at its end. A body shorter than `Content-Length`, longer
    /// than the limit or too slow is an error.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, ClientError> {
        todo!()
    }

    /// The whole body, decoded when it is gzip and `decode` was asked, within the limit.
    pub async fn whole(self) -> Result<Bytes, ClientError> {
        todo!()
    }
}

/// A pooled client.
#[derive(Debug, Clone)]
pub struct Client {}

impl Client {
    /// Reads certificates and keys.
    pub fn new(_options: ClientOptions) -> Result<Self, ClientError> {
        todo!()
    }

    /// Sends, follows redirects, gives the answer whatever its status.
    pub async fn send(&self, _ask: Ask) -> Result<Answer, ClientError> {
        todo!()
    }
}

/// What went wrong, with the address (its query left out).
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// More variants come with the code.
    #[error("{0}")]
    Other(String),
}
