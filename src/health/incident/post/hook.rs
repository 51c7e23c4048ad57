//! A ticket by HTTPS: a POST of its JSON, through the box's own client.

use std::time::Duration;

use http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{ACCEPT, CONTENT_TYPE},
};
use url::Url;

use super::{NotTaken, PostError, secret, state_key};
use crate::{
    config::{Network, TicketHook},
    health::incident::ticket::Ticket,
    net::client::{Ask, Client, ClientOptions, Limits},
};

/// What a desk answers is not read any further.
const LIMITS: Limits = Limits {
    head: Duration::from_secs(30),
    stall_after: Duration::from_secs(10),
    slowest: 1,
    body: 64 * 1024,
    redirects: 0,
};
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Where tickets go by HTTPS.
#[derive(Debug)]
pub(super) struct Hook {
    url: Url,
    client: Client,
}

impl Hook {
    /// As the settings say. Reads files. Blocking.
    pub(super) fn open(hook: &TicketHook, network: &Network) -> Result<Self, PostError> {
        let credentials = &hook.credentials;
        let token = credentials.token_file.as_ref();
        let client = Client::new(ClientOptions {
            allow_private: network.allow_private.clone(),
            extra_authorities: network.extra_authorities.clone(),
            identity: credentials.certificate.clone().zip(credentials.key.clone()),
            bearer: token.map(|path| secret("hook.credentials.token_file", path)).transpose()?,
            bearer_origin: Some(hook.url.clone()),
        })?;
        Ok(Self { url: hook.url.clone(), client })
    }

    /// Sends a ticket; good when it was taken (2xx).
    pub(super) async fn send(&self, ticket: &Ticket) -> Result<(), NotTaken> {
        let mut headers = HeaderMap::new();
        let json = HeaderValue::from_static("application/json");
        headers.insert(CONTENT_TYPE, json.clone());
        headers.insert(ACCEPT, json);
        // draft-ietf-httpapi-idempotency-key-header: a string of structured fields (RFC 8941 §3.3.3).
        let key = format!("\"{}\"", state_key(ticket));
        if let Ok(key) = HeaderValue::from_str(&key) {
            headers.insert(IDEMPOTENCY_KEY, key);
        }
        // Text keys only: this cannot fail.
        let body = serde_json::to_vec(ticket).unwrap_or_default().into();
        let url = self.url.clone();
        let ask = Ask { method: Method::POST, url, headers, body, limits: LIMITS };
        let answer = self.client.send(ask).await?;
        if answer.status.is_success() { Ok(()) } else { Err(NotTaken::Refused(answer.status)) }
    }
}
