//! One question to a source, within bounds; anything but a 200 is an error that says what came.

use std::time::Duration;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, StatusCode,
    header::{ACCEPT, ACCEPT_CHARSET, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_TYPE},
};
use url::Url;

use super::SourceError;
use crate::{
    catalogue::{gar, opds, text::line},
    net::client::{Answer, Ask, Client, Limits, Shown},
};

/// Bounds of every exchange with a source. A whole school's list is a few MiB.
const LIMITS: Limits = Limits {
    head: Duration::from_mins(1),
    stall_after: Duration::from_secs(30),
    slowest: 512,
    body: 32 << 20,
    redirects: 5,
};
/// Characters repeated of an answer that explains nothing.
const MAX_SAID_CHARS: usize = 200;

/// What is asked.
#[derive(Debug)]
pub(super) struct Question<'a> {
    pub(super) method: Method,
    pub(super) url: Url,
    /// `Accept`.
    pub(super) accept: &'a str,
    /// An XML body, or none.
    pub(super) body: Option<String>,
}

impl<'a> Question<'a> {
    pub(super) fn get(url: Url, accept: &'a str) -> Self {
        Self { method: Method::GET, url, accept, body: None }
    }
}

/// A 200's body, and the address that gave it.
pub(super) async fn ask(
    client: &Client,
    question: Question<'_>,
) -> Result<(Bytes, Url), SourceError> {
    ask_with_head(client, question).await.map(|(bytes, url, _)| (bytes, url))
}

/// The same, with the answer's header fields.
pub(super) async fn ask_with_head(
    client: &Client,
    question: Question<'_>,
) -> Result<(Bytes, Url, HeaderMap), SourceError> {
    let mut headers = HeaderMap::new();
    let accept = HeaderValue::from_str(question.accept).map_err(|error| SourceError::Request {
        url: (&question.url).into(),
        reason: error.to_string(),
    })?;
    headers.insert(ACCEPT, accept);
    headers.insert(ACCEPT_CHARSET, HeaderValue::from_static("UTF-8"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if question.body.is_some() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml; charset=UTF-8"));
    }
    let answer = client
        .send(Ask {
            method: question.method,
            url: question.url,
            headers,
            body: question.body.unwrap_or_default().into(),
            limits: LIMITS,
        })
        .await?;
    let url = answer.url.clone();
    if answer.status == StatusCode::OK {
        let head = answer.headers.clone();
        return Ok((answer.whole().await?, url, head));
    }
    Err(refusal(answer).await)
}

/// What an answer that is no 200 says, as far as it explains itself.
async fn refusal(answer: Answer) -> SourceError {
    let (status, url) = (answer.status, Shown::from(&answer.url));
    let is_text =
        answer.headers.get(CONTENT_TYPE).is_some_and(|t| t.as_bytes().starts_with(b"text/plain"));
    // A body that cannot be read explains nothing, which is no failure of its own.
    let body = answer.whole().await.unwrap_or_default();
    let plain = || {
        let text = String::from_utf8_lossy(body.get(..4096).unwrap_or(&body)).into_owned();
        line(&text, MAX_SAID_CHARS).filter(|_| is_text)
    };
    let says = opds::sign_in(&body).or_else(|| gar::fault_of(&body)).or_else(plain);
    let says = says.map(|says| format!(" ({says})")).unwrap_or_default();
    SourceError::Status { url, status, says }
}

/// Reads a large answer away from the tasks that serve readers.
pub(super) async fn read<T: Send + 'static>(
    parse: impl FnOnce() -> T + Send + 'static,
) -> Result<T, SourceError> {
    Ok(tokio::task::spawn_blocking(parse).await?)
}

/// `segments` below `base`, whether or not that ends with a slash.
pub(super) fn below(base: &Url, segments: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_below_the_base_with_or_without_its_slash() {
        for base in ["https://h/gar", "https://h/gar/"] {
            let url = below(&base.parse().unwrap(), &["ressources", "QTA=", "0350042F", "a/b"]);
            assert_eq!(url.as_str(), "https://h/gar/ressources/QTA=/0350042F/a%2Fb");
        }
    }
}
