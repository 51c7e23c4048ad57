//! ACME's requests, sent by the client that bounds everything else the box asks.

use std::{pin::Pin, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};

use crate::net::client::{Ask, Client, Limits};

/// A chain of certificates is a few kilobytes; the rest is less.
pub(super) const LIMITS: Limits = Limits {
    head: Duration::from_secs(30),
    stall_after: Duration::from_secs(20),
    slowest: 16,
    body: 1 << 20,
    // A signed request is for the address it names (RFC 8555 §6.4).
    redirects: 0,
};

/// The box's client, as ACME wants one.
pub(super) struct Transport(pub(super) Client);

type Answered = Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>>;

impl HttpClient for Transport {
    fn request(&self, request: Request<BodyWrapper<Bytes>>) -> Answered {
        let client = self.0.clone();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = match body.collect().await {
                Ok(body) => body.to_bytes(),
                Err(never) => match never {},
            };
            let url = head.uri.to_string().parse().map_err(other)?;
            let ask = Ask { method: head.method, url, headers: head.headers, body, limits: LIMITS };
            let answer = client.send(ask).await.map_err(other)?;
            let (status, headers) = (answer.status, answer.headers.clone());
            let mut response = Response::new(Full::new(answer.whole().await.map_err(other)?));
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            Ok(BytesResponse::from(response))
        })
    }
}

fn other(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Other(Box::new(error))
}
